import Linux
import Telemetry

/// How long what a shard does takes, in nanoseconds: recorded by the shard, readable from any thread.
///
/// Each begins with the turn in which what came was read, and ends when the turn that answered it has handed its bytes to
/// the sockets: what waits in a socket before the turn, and on the network, is not in it.
struct ShardLatencies: Sendable {
    /// Turns of the loop. What comes meanwhile waits as long, at most.
    let turn = Histogram()

    /// From a connection's acceptance to the end of its TLS handshake: the client's part is in it.
    let handshake = Histogram()

    /// From CONNECT to the CONNACK that admits.
    let admission = Histogram()

    /// From PUBLISH of QoS 1 or 2 to its PUBACK or PUBREC.
    let acknowledgement = Histogram()

    /// What is over in this turn is recorded at its end, when it is known how long that was.
    func record(_ turn: inout TurnLatencies, from start: MonotonicInstant, to end: MonotonicInstant)
    {
        let length = Self.nanoseconds(from: start, to: end)
        self.turn.record(length)
        if turn.acknowledged > 0 { acknowledgement.record(length, times: turn.acknowledged) }
        turn.acknowledged = 0
        if turn.isWithoutBeginnings { return }
        for since in turn.acknowledgedLate {
            acknowledgement.record(Self.nanoseconds(from: since, to: end))
        }
        for since in turn.admitted { admission.record(Self.nanoseconds(from: since, to: end)) }
        for since in turn.shakenHands { handshake.record(Self.nanoseconds(from: since, to: end)) }
        turn.forgetBeginnings()
    }

    private static func nanoseconds(from start: MonotonicInstant, to end: MonotonicInstant)
        -> UInt64
    {
        UInt64(max(0, end.nanoseconds(since: start)))
    }
}

/// What a turn has answered. The steady state allocates nothing.
struct TurnLatencies: Sendable {
    /// PUBLISHes of this turn.
    var acknowledged: UInt64 = 0

    /// When PUBLISHes of earlier turns were read.
    private(set) var acknowledgedLate: [MonotonicInstant] = []

    /// When CONNECTs were read.
    private(set) var admitted: [MonotonicInstant] = []

    /// When connections were accepted.
    private(set) var shakenHands: [MonotonicInstant] = []

    fileprivate var isWithoutBeginnings: Bool {
        acknowledgedLate.isEmpty && admitted.isEmpty && shakenHands.isEmpty
    }

    mutating func noteAcknowledged(since: MonotonicInstant) { acknowledgedLate.append(since) }

    mutating func noteAdmitted(since: MonotonicInstant) { admitted.append(since) }

    mutating func noteShakenHands(since: MonotonicInstant) { shakenHands.append(since) }

    fileprivate mutating func forgetBeginnings() {
        acknowledgedLate.removeAll(keepingCapacity: true)
        admitted.removeAll(keepingCapacity: true)
        shakenHands.removeAll(keepingCapacity: true)
    }
}
