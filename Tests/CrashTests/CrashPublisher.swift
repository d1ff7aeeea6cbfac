import MQTT
import Support
import Synchronization

/// A client with a persistent session that publishes at QoS 1 and 2 in turn, remembers what was
/// acknowledged, and goes on with what was not when it is back.
final class CrashPublisher: Sendable {
    private struct State {
        var next = 0

        /// The message that is under way, and whether its PUBREC has come.
        var pending: (number: Int, isReceived: Bool)?
        var acknowledged: [String] = []
        var complaints: [String] = []
        var hasSession = false
    }

    let name: String
    private let state = Mutex(State())

    private let credentials: TestCredentials
    private let topic: String

    init(_ name: String, as credentials: TestCredentials, to topic: String) {
        self.name = name
        self.credentials = credentials
        self.topic = topic
    }

    var acknowledged: [String] { state.withLock { $0.acknowledged } }
    var complaints: [String] { state.withLock { $0.complaints } }

    /// Publishes until the gateway is gone.
    func run(_ port: UInt16, _ witness: Witness) {
        do {
            let client = try TestClient(port: port)
            let answer = try client.connect(as: credentials, isCleanStart: false) {
                $0.sessionExpiryInterval(seconds: 100_000)
            }
            state.withLock { state in
                if state.hasSession, !answer.isSessionPresent {
                    state.complaints.append("\(name)'s session is gone")
                }
            }
            while !witness.isOver { try step(client) }
        } catch {
            // It was killed, or is about to be.
        }
    }

    private func step(_ client: TestClient) throws {
        let (pending, isAgain) = state.withLock { state in
            if let pending = state.pending { return (pending, true) }
            let fresh = (number: state.next, isReceived: false)
            state.next += 1
            state.pending = fresh
            return (fresh, false)
        }
        let qos: QoS = pending.number % 2 == 0 ? .atLeastOnce : .exactlyOnce
        let text = "\(name) \(pending.number) \(qos)"
        let packetID = UInt16(1 + pending.number % 65_535)
        if !pending.isReceived {
            try client.sendPublish(
                topic, Array(text.utf8), qos: qos, packetID: packetID, isDuplicate: isAgain)
            let answer = try client.acknowledgement(
                qos == .atLeastOnce ? .puback : .pubrec, packetID)
            state.withLock { state in
                if answer.code >= 0x80 { state.complaints.append("\(text): \(answer.code)") }
                state.acknowledged.append(text)
                // Its packet identifier is on disk, and so the session.
                if qos == .exactlyOnce { state.hasSession = true }
                state.pending = qos == .atLeastOnce ? nil : (pending.number, true)
            }
        }
        guard qos == .exactlyOnce else { return }
        try client.send { Pubrel.encode(packetID: packetID, version: .v5, into: &$0) }
        _ = try client.acknowledgement(.pubcomp, packetID)
        state.withLock { $0.pending = nil }
    }
}
