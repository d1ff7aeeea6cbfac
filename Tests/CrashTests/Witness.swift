import Linux
import Synchronization

/// What the devices of one round were told, and what they sent: from all threads of the load.
final class Witness: Sendable {
    struct Testimony {
        /// Devices, by number, that got their CONNACK.
        var admitted: Set<Int> = []

        /// Units of all messages that each device has sent, or begun to send.
        var sent: [Int: Int] = [:]

        /// When which units of each device were acknowledged.
        var acknowledged: [Int: [(at: MonotonicInstant, units: Int)]] = [:]

        /// What went wrong before the process was killed.
        var complaints: [String] = []
        var killedAt: MonotonicInstant?
    }

    private let state = Mutex(Testimony())

    var testimony: Testimony { state.withLock { $0 } }

    var isOver: Bool { state.withLock { $0.killedAt != nil } }

    func wasAdmitted(_ device: Int) {
        state.withLock { _ = $0.admitted.insert(device) }
    }

    func sends(_ units: Int, _ device: Int) {
        state.withLock { $0.sent[device, default: 0] += units }
    }

    func wasAcknowledged(_ units: Int, _ device: Int) {
        state.withLock { $0.acknowledged[device, default: []].append((.now(), units)) }
    }

    /// Anything may fail once the process is being killed, and nothing before.
    func complain(_ complaint: String) {
        state.withLock { state in
            if state.killedAt == nil { state.complaints.append(complaint) }
        }
    }

    func kills() {
        state.withLock { $0.killedAt = .now() }
    }
}
