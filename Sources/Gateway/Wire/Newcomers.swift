import DequeModule
import Reactor

/// The connections of a shard that have not said who they are: how many of each source, and which has been
/// silent longest.
struct Newcomers {
    struct Arrival {
        let token: Token
        let tick: UInt64
    }

    /// In the order in which they came, with some that are newcomers no more.
    private var arrivals = Deque<Arrival>()
    private var counts: [SourceNetwork: Int] = [:]

    /// How many of those that are none any more are kept, beside as many as there are newcomers.
    private static var slack: Int { 1_024 }

    mutating func arrive(_ token: Token, at tick: UInt64) {
        arrivals.append(Arrival(token: token, tick: tick))
    }

    mutating func count(_ difference: Int, of source: SourceNetwork) {
        let count = counts[source, default: 0] + difference
        counts[source] = count > 0 ? count : nil
    }

    func count(of source: SourceNetwork) -> Int {
        counts.isEmpty ? 0 : counts[source, default: 0]
    }

    /// The first arrival before `tick` that `isMeant`.
    func oldest(before tick: UInt64, where isMeant: (Token) -> Bool) -> Token? {
        for arrival in arrivals {
            guard arrival.tick < tick else { return nil }
            if isMeant(arrival.token) { return arrival.token }
        }
        return nil
    }

    /// Forgets those that are none any more, when they have become many.
    mutating func tidy(newcomers: Int, where isNewcomer: (Token) -> Bool) {
        guard arrivals.count > 2 * newcomers + Self.slack else { return }
        arrivals.removeAll { !isNewcomer($0.token) }
    }
}
