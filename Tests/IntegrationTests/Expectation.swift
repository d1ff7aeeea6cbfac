import MQTT
import Support

/// What a CONNECT is answered with, by version, in the words of Wire.md's table.
struct Expectation: Equatable {
    /// Reason code of MQTT 5.
    let reason: UInt8

    /// Return code of MQTT 3.1.1.
    let returnCode: UInt8

    static let badCredentials = Expectation(reason: 0x86, returnCode: 4)
    static let notAuthorized = Expectation(reason: 0x87, returnCode: 5)
    static let quotaExceeded = Expectation(reason: 0x97, returnCode: 5)

    func code(in version: ProtocolVersion) -> UInt8 { version == .v5 ? reason : returnCode }
}

extension TestGateway {
    /// The code that a CONNECT is answered with, which must be the connection's end unless it is 0.
    func answer(
        to credentials: TestCredentials,
        overTLS: Bool = false,
        version: ProtocolVersion
    ) throws -> TestPacket.Connack {
        let client = try TestClient(
            port: overTLS ? tlsPort : plainPort,
            certificates: overTLS ? certificates : nil,
            version: version
        )
        let connack = try client.connect(as: credentials)
        if connack.code != 0, !(try client.untilClosed().isEmpty) {
            throw TestRefusal(connack: connack)
        }
        return connack
    }

    /// A device that is connected over the plain listener.
    func connect(
        _ device: TestDevice,
        version: ProtocolVersion = .v5,
        keepAliveSeconds: UInt16 = 60,
        will: TestWill? = nil
    ) throws -> TestClient {
        try .connected(
            port: plainPort,
            version: version,
            as: .signed(device, secureMode: 3),
            keepAliveSeconds: keepAliveSeconds,
            will: will
        )
    }

    /// An application that is connected over the plain listener and subscribed to `filters`.
    func connect(
        _ application: TestApplication,
        clientID: String = "backend-1",
        version: ProtocolVersion = .v5,
        keepAliveSeconds: UInt16 = 60,
        subscribedTo filter: String? = nil
    ) throws -> TestClient {
        let client = try TestClient.connected(
            port: plainPort,
            version: version,
            as: .application(application, clientID: clientID),
            keepAliveSeconds: keepAliveSeconds
        )
        client.tellsUnheard = true
        if let filter { try client.subscribe(filter) }
        return client
    }
}
