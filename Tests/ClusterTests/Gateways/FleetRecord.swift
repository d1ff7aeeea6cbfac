import Linux
import Synchronization

/// What the clients of a campaign sent, were told and got: from all their threads.
final class FleetRecord: Sendable {
    /// A device's message for an application.
    struct Uplink {
        let device: Int
        let application: Int
        let isOnce: Bool

        /// Whether it was told that the application's node has it.
        var isTaken = false

        /// After it was first sent, its device was told that its session is gone, or was not told: sent again, it is a
        /// new message.
        var hasLostSession = false

        /// What became of each time that it was sent.
        var trail: [String] = []
    }

    private let beginning = MonotonicInstant.now()

    /// In milliseconds of the campaign.
    var time: Int64 { MonotonicInstant.now().milliseconds(since: beginning) }

    struct Facts {
        /// Devices that were admitted.
        var admitted: Set<Int> = []

        /// When one was admitted for the first time, in milliseconds of the monotonic clock.
        var admissions: [Int64] = []
        var uplinks: [Int: Uplink] = [:]

        /// How often an application got each message, by the message's number.
        var arrivals: [Int: Int] = [:]

        /// Of messages of QoS 2: when, and under which packet identifier.
        var arrivalTrails: [Int: [String]] = [:]

        /// When clients came in, where, and whether they had their sessions.
        var applications: [String] = []
        var entries: [Int: [String]] = [:]

        /// Units of all messages that a device has begun to send, or was begun to be sent.
        var begun: [Int: Int] = [:]

        /// When, and by which node, each unit of a device was acknowledged.
        var acknowledged: [Int: [(at: MonotonicInstant, node: Int)]] = [:]

        /// CONNACKs and DISCONNECTs by whom and code.
        var connacks: [String: Int] = [:]
        var endings: [String: Int] = [:]
        var answers: [String: Int] = [:]
        var downlinks = 0

        /// Applications that are connected.
        var present: Set<Int> = []

        /// Those whose subscription has been taken.
        var subscribed: Set<Int> = []

        /// Messages of which a device was told that they have no receiver, while their application was connected.
        var unheard = 0
        var longestAway: Int64 = 0

        /// What devices tried that were away for long.
        var awayTrails: [(milliseconds: Int64, trail: String)] = []

        /// How often a device that is not new was told that it has no session.
        var sessionsLost = 0

        /// What was done to nodes and servers.
        var faults: [String] = []
        var findings: [String] = []

        /// Devices that are connected, have sent all they wanted, and have no other connection left.
        var resting: Set<Int> = []
    }

    private let facts = Mutex(Facts())
    private let phase = Atomic<Int>(0)
    private let lastNumber = Atomic<Int>(0)

    /// Whether clients should finish what they have begun, and stay where they are.
    var rests: Bool { phase.load(ordering: .acquiring) > 0 }
    var isOver: Bool { phase.load(ordering: .acquiring) > 1 }

    func rest() { phase.store(1, ordering: .releasing) }
    func end() { phase.store(2, ordering: .releasing) }

    /// A number that no other message has.
    func number() -> Int { lastNumber.add(1, ordering: .relaxed).newValue }

    var now: Facts { facts.withLock { $0 } }

    func note(_ change: (inout Facts) -> Void) { facts.withLock { change(&$0) } }

    func finds(_ finding: String) { note { $0.findings.append(finding) } }
}
