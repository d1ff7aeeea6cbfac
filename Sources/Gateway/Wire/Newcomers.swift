import Reactor

/// The connections of a shard that have not said who they are: in line by age, all of them and those of each
/// source, and the sources by how many they have.
///
/// Each verb takes as long however many there are. Memory is kept and used again: there is never more of it
/// than the most newcomers at once needed.
struct Newcomers {
    struct Arrival: Equatable {
        let token: Token
        let tick: UInt64
    }

    private struct Newcomer {
        let arrival: Arrival

        /// Its place among the sources; `nil` when it is counted for none.
        let source: Int?
    }

    private struct Source {
        let network: SourceNetwork
        var count = 0

        /// Its newcomers by age.
        var line = PlaceLine()
    }

    private var newcomers = Places<Newcomer>()

    /// The newcomer of each slot that has one.
    private var placesBySlot: [UInt32: Int] = [:]
    private var line = PlaceLine()
    private var links = PlaceLinks()
    private var linksOfSource = PlaceLinks()

    private var sources = Places<Source>()
    private var placesByNetwork: [SourceNetwork: Int] = [:]

    /// For each number of newcomers, the sources that have as many.
    private var sourcesByCount = [PlaceLine()]
    private var linksByCount = PlaceLinks()

    /// How many the source has that has the most.
    private(set) var largestCount = 0

    var count: Int { placesBySlot.count }

    /// - Parameter network: what it is counted for; `nil` when that is not known yet, or no limit holds.
    mutating func arrive(_ token: Token, of network: SourceNetwork?, at tick: UInt64) {
        assert(placesBySlot[token.slot] == nil, "a connection arrives once")
        let source = network.map { placeOfSource($0) }
        let arrival = Arrival(token: token, tick: tick)
        let place = newcomers.insert(Newcomer(arrival: arrival, source: source))
        placesBySlot[token.slot] = place
        links.append(place, to: &line)
        guard let source else { return }
        linksOfSource.append(place, to: &sources[source].line)
        recount(source, by: 1)
    }

    /// It is a newcomer no more; nothing happens when it is none.
    mutating func leave(_ slot: UInt32) {
        guard let place = placesBySlot.removeValue(forKey: slot) else { return }
        let source = newcomers[place].source
        links.remove(place, from: &line)
        newcomers.remove(place)
        guard let source else { return }
        linksOfSource.remove(place, from: &sources[source].line)
        recount(source, by: -1)
    }

    func count(of network: SourceNetwork) -> Int {
        guard !placesByNetwork.isEmpty, let source = placesByNetwork[network] else { return 0 }
        return sources[source].count
    }

    var oldest: Arrival? { line.first.map { newcomers[$0].arrival } }

    func oldest(of network: SourceNetwork) -> Arrival? {
        placesByNetwork[network].flatMap { oldest(ofSource: $0) }
    }

    /// Of the source that has the most; where several have, of the one that has had them longest.
    var oldestOfLargest: Arrival? {
        sourcesByCount[largestCount].first.flatMap { oldest(ofSource: $0) }
    }

    private func oldest(ofSource source: Int) -> Arrival? {
        sources[source].line.first.map { newcomers[$0].arrival }
    }

    private mutating func placeOfSource(_ network: SourceNetwork) -> Int {
        if let source = placesByNetwork[network] { return source }
        let source = sources.insert(Source(network: network))
        placesByNetwork[network] = source
        return source
    }

    /// Moves a source to those that have as many as it has now. A source without any is forgotten.
    private mutating func recount(_ source: Int, by difference: Int) {
        let before = sources[source].count
        let after = before + difference
        sources[source].count = after
        if before > 0 { linksByCount.remove(source, from: &sourcesByCount[before]) }
        if after > 0 {
            if after == sourcesByCount.count { sourcesByCount.append(PlaceLine()) }
            linksByCount.append(source, to: &sourcesByCount[after])
        } else {
            placesByNetwork[sources[source].network] = nil
            sources.remove(source)
        }
        largestCount = max(largestCount, after)
        // By one at most: a source that had the most has one less now.
        if largestCount > 0, sourcesByCount[largestCount].first == nil { largestCount -= 1 }
    }
}
