import Gateway
import MQTT
import Reactor
import Support
import Synchronization
import Testing

/// A corner of a running gateway that a test has to itself: topics and clients with names of its own.
struct Room {
    let gateway: TestGateway
    let version: ProtocolVersion
    private let name: String

    private static let count = Atomic(0)

    init(_ place: Place) throws {
        gateway = try #require(Conformance.gateways[place.shards])
        version = place.version
        name = "r\(Self.count.add(1, ordering: .relaxed).newValue)"
    }

    /// In a gateway of the test's own.
    init(_ gateway: TestGateway, _ version: ProtocolVersion = .v5) {
        self.gateway = gateway
        self.version = version
        name = "r"
    }

    /// A topic or filter in this room.
    func topic(_ rest: String) -> String { "\(name)/\(rest)" }

    /// The name of a client in this room.
    func clientID(_ client: String) -> String { "\(name)\(client)" }

    /// A socket without a CONNECT yet.
    func socket(_ version: ProtocolVersion? = nil) throws -> TestClient {
        let client = try TestClient(port: gateway.openPort, version: version ?? self.version)
        client.tellsUnheard = true
        client.patienceSeconds = 5
        return client
    }

    /// Sends a CONNECT and answers the CONNACK, which must be a success. In MQTT 5 the session lasts for
    /// `expiry` seconds; in 3.1.1 it is kept unless it begins clean.
    func connect(
        _ client: String,
        _ version: ProtocolVersion? = nil,
        isCleanStart: Bool = false,
        expiry: UInt32 = 600,
        keepAliveSeconds: UInt16 = 600,
        will: TestWill? = nil,
        properties: (inout PropertyWriter) -> Void = { _ in }
    ) throws -> (TestClient, TestPacket.Connack) {
        let socket = try socket(version)
        let answer = try socket.connect(
            as: .anonymous(clientID(client)),
            isCleanStart: isCleanStart,
            keepAliveSeconds: keepAliveSeconds,
            will: will
        ) {
            if expiry > 0 { $0.sessionExpiryInterval(seconds: expiry) }
            properties(&$0)
        }
        guard answer.code == 0 else { throw TestRefusal(connack: answer) }
        return (socket, answer)
    }

    /// A client whose session ends with its connection.
    func client(
        _ client: String,
        _ version: ProtocolVersion? = nil,
        will: TestWill? = nil,
        properties: (inout PropertyWriter) -> Void = { _ in }
    ) throws -> TestClient {
        try connect(
            client, version, isCleanStart: true, expiry: 0, will: will, properties: properties
        ).0
    }

    /// Ends what the gateway keeps of clients and topics that a test has used.
    func forget(_ clients: String..., topics: [String] = []) throws {
        for name in clients { try client(name).leave() }
        let client = try client("forgets")
        for topic in topics { try client.publish(topic, "", qos: .atLeastOnce, isRetained: true) }
        try client.leave()
    }

    /// See `TestGateway.settle`.
    func settle() async { await gateway.settle() }

    /// What has come to `client` and was not taken: see `TestGateway.unread`.
    func unread(by client: TestClient) async throws -> [TestPacket] {
        try await gateway.unread(by: client)
    }
}

extension TestClient {
    /// Goes without a DISCONNECT, and waits until the gateway has closed the connection.
    func hangUp() throws {
        finishWriting()
        _ = try untilClosed()
    }

    /// Sends a PUBACK, PUBREC, PUBREL or PUBCOMP as bytes.
    func send(_ type: PacketType, _ packetID: UInt16, code: UInt8? = nil) throws {
        let flags: UInt8 = type == .pubrel ? 2 : 0
        try send(
            .packet(
                type.rawValue << 4 | flags,
                [UInt8(packetID >> 8), UInt8(packetID & 0xFF)] + (code.map { [$0] } ?? []))
        )
    }

    /// The next packet, which must be an acknowledgement of that type.
    func acknowledgement(_ type: PacketType) throws -> TestPacket.Acknowledgement {
        try first("\(type)") { packet in
            if case .acknowledgement(let found) = packet, found.type == type { found } else { nil }
        }
    }
}

/// Waits until `condition` holds, as long as tests have patience.
func until(_ condition: () async throws -> Bool) async throws {
    for _ in 0..<Int(Patience.seconds * 100) {
        if try await condition() { return }
        try await Task.sleep(for: .milliseconds(10))
    }
    Issue.record("did not happen in \(Patience.seconds) seconds")
}
