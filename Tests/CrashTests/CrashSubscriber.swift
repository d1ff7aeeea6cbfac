import MQTT
import Support
import Synchronization

/// A client with a persistent session that counts the messages it gets, those of QoS 2 as their method
/// of delivery says (4.3.3).
final class CrashSubscriber: Sendable {
    private struct State {
        var counts: [String: Int] = [:]

        /// Packet identifiers of QoS 2 messages whose PUBREL has not come.
        var received: Set<UInt16> = []
        var complaints: [String] = []
    }

    let name: String
    private let state = Mutex(State())

    private let credentials: TestCredentials
    private let filter: String

    /// The publisher whose messages it gets; `nil`: those of all.
    let publisher: String?

    init(
        _ name: String,
        as credentials: TestCredentials,
        to filter: String,
        from publisher: String? = nil
    ) {
        self.name = name
        self.credentials = credentials
        self.filter = filter
        self.publisher = publisher
    }

    var counts: [String: Int] { state.withLock { $0.counts } }
    var complaints: [String] { state.withLock { $0.complaints } }

    private func connect(_ port: UInt16, isFirst: Bool = false) throws -> TestClient {
        let client = try TestClient(port: port)
        let answer = try client.connect(as: credentials, isCleanStart: false) {
            $0.sessionExpiryInterval(seconds: 100_000)
        }
        if !isFirst, !answer.isSessionPresent {
            state.withLock { $0.complaints.append("\(name)'s session is gone") }
        }
        return client
    }

    func subscribe(_ port: UInt16) throws {
        try connect(port, isFirst: true).subscribe(filter, qos: .exactlyOnce)
    }

    /// Takes messages until the gateway is gone.
    func run(_ port: UInt16, _ witness: Witness) {
        do {
            let client = try connect(port)
            while !witness.isOver {
                guard let packet = try client.next(seconds: 5) else { return }
                note(packet)
            }
        } catch {
            // It was killed, or is about to be.
        }
    }

    /// Takes messages until none come.
    func drain(_ port: UInt16) throws {
        let client = try connect(port)
        do {
            while let packet = try client.next(seconds: 1) { note(packet) }
        } catch TestClientError.timedOut {
        }
    }

    private func note(_ packet: TestPacket) {
        state.withLock { state in
            switch packet {
            case .publish(let message):
                if message.qos == .exactlyOnce, let packetID = message.packetID,
                    !state.received.insert(packetID).inserted
                {
                    return
                }
                state.counts[message.text, default: 0] += 1
            case .acknowledgement(let release) where release.type == .pubrel:
                state.received.remove(release.packetID)
            default: break
            }
        }
    }
}
