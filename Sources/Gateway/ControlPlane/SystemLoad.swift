import Linux
import Reactor

/// What the gateway has done in a minute, as a moving average over one, five and fifteen minutes: the branch `load` of
/// `$SYS`. Looked at every few seconds; costs a few reads of counters.
struct SystemLoad: Sendable {
    enum Rate: Int, CaseIterable, Sendable {
        case messagesReceived, messagesSent, bytesReceived, bytesSent, connections

        /// Its levels below `load`.
        var name: String {
            switch self {
            case .messagesReceived: "messages/received"
            case .messagesSent: "messages/sent"
            case .bytesReceived: "bytes/received"
            case .bytesSent: "bytes/sent"
            case .connections: "connections"
            }
        }

        /// What it is the rate of.
        var counter: GatewayCounter {
            switch self {
            case .messagesReceived: .publishesReceived
            case .messagesSent: .publishesDelivered
            case .bytesReceived: .bytesReceived
            case .bytesSent: .bytesSent
            case .connections: .connectsAdmitted
            }
        }
    }

    enum Window: Int, CaseIterable, Sendable {
        case one = 1
        case five = 5
        case fifteen = 15

        var name: String { "\(rawValue)min" }
        var milliseconds: Double { Double(rawValue) * 60_000 }
    }

    /// When the first look was.
    let startedAt: MonotonicInstant
    private var lookedAt: MonotonicInstant
    private var counts: [UInt64]

    /// By rate, then by window; per minute.
    private var averages: [[Double]]

    /// - Parameter count: what has been counted so far.
    init(at now: MonotonicInstant, _ count: (GatewayCounter) -> UInt64) {
        startedAt = now
        lookedAt = now
        counts = Rate.allCases.map { count($0.counter) }
        averages = Rate.allCases.map { _ in Window.allCases.map { _ in 0 } }
    }

    /// Takes in what has been counted since the last look. What is as old as the window weighs about a third of what is
    /// new.
    mutating func look(at now: MonotonicInstant, _ count: (GatewayCounter) -> UInt64) {
        let elapsed = Double(now.milliseconds(since: lookedAt))
        guard elapsed > 0 else { return }
        lookedAt = now
        for rate in Rate.allCases {
            let latest = count(rate.counter)
            let perMinute = Double(latest &- counts[rate.rawValue]) * 60_000 / elapsed
            counts[rate.rawValue] = latest
            for (index, window) in Window.allCases.enumerated() {
                let weight = elapsed / (window.milliseconds + elapsed)
                averages[rate.rawValue][index] +=
                    (perMinute - averages[rate.rawValue][index]) * weight
            }
        }
    }

    /// Each rate by window: the levels below `load`, and the average with two decimals.
    var topics: [(name: String, value: String)] {
        Rate.allCases.flatMap { rate in
            zip(Window.allCases, averages[rate.rawValue]).map { window, average in
                ("load/\(rate.name)/\(window.name)", Self.text(average))
            }
        }
    }

    /// With two decimals.
    static func text(_ value: Double) -> String {
        let hundredths = Int((min(max(value, 0), 1e15) * 100).rounded())
        let fraction = hundredths % 100
        return "\(hundredths / 100).\(fraction < 10 ? "0" : "")\(fraction)"
    }
}
