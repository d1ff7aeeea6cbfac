import Gateway
import Ledger
import MQTT
import Reactor
import Storage
import Support
import Testing
import Time

/// A running gateway whose calendar the test turns: every step is over, and the books balance, before
/// the next one begins.
struct Replay {
    let clock: ManualClock
    let world: TestGateway

    /// 2026-11-21T10:00:00Z.
    static let beginning = Timestamp(seconds: 1_795_255_200)

    static let hour: Int64 = 3_600_000
    static let day: Int64 = 86_400_000

    /// The calendar is turned by days at once, which a gateway would doubt (rule B16).
    static func turningByHand(_ configuration: inout GatewayConfiguration) {
        configuration.activation.clockAheadHours = 0
    }

    /// Lends `body` a gateway at `beginning`. Afterwards its books must balance (rule A10).
    static func run(
        at time: Timestamp = beginning,
        _ body: (Replay) async throws -> Void
    ) async throws {
        let clock = ManualClock(wall: time)
        try await TestGateway.run(time: .manual(clock), configure: Replay.turningByHand) { world in
            let replay = Replay(clock: clock, world: world)
            try await body(replay)
            try await replay.settle()
        }
    }

    var now: Timestamp { clock.wall }

    // MARK: Time

    /// Sets the calendar, to any time, and waits until everything that is due has been done.
    func set(_ time: Timestamp) async throws {
        clock.set(wall: time)
        try await settle()
    }

    /// Lets time pass on both clocks: keep-alive and the flush of counters see it too.
    func pass(milliseconds: Int64) async throws {
        clock.advance(milliseconds: milliseconds)
        try await settle()
    }

    /// Waits until the shards have looked at the clock, the ledger has answered what they asked of
    /// it, and they have done what it said. No step waits for a time: each question follows, in the
    /// same queue, what it waits for.
    func settle() async throws {
        world.gateway.clockMoved()
        // Of an ended entitlement: the clock, the renewal's refusal, its end in the books.
        for _ in 0..<3 {
            _ = await world.gateway.onlineCount(of: Self.nobody.product)
            _ = try await world.gateway.ledger.submit(
                Command(at: now, actor: "tester", action: .devices(.endEntitlement(Self.nobody)))
            )
        }
        _ = await world.gateway.onlineCount(of: Self.nobody.product)
        #expect(try world.gateway.ledger.verify() == [])
    }

    private static let nobody = DeviceIdentity(
        product: ProductKey("nobody")!,
        device: DeviceKey("nobody")!
    )

    // MARK: Devices

    /// Connects a device, which must be let in, with an hour's keep-alive.
    func connect(
        _ device: TestDevice,
        version: ProtocolVersion = .v5,
        will: TestWill? = nil
    ) throws -> TestClient {
        try TestClient.connected(
            port: world.plainPort,
            version: version,
            as: .signed(device, secureMode: 3),
            keepAliveSeconds: 0,
            will: will
        )
    }

    /// The code of the CONNACK that refuses a device; 0 when it was let in.
    func knock(_ device: TestDevice, version: ProtocolVersion = .v5) throws -> UInt8 {
        let client = try TestClient(port: world.plainPort, version: version)
        let code = try client.connect(as: .signed(device, secureMode: 3)).code
        if code == 0 { try part(client) }
        return code
    }

    /// Says goodbye, and waits until the gateway has let go of the connection.
    func part(_ client: TestClient) throws {
        let version = client.version
        try client.send { Disconnect.encode(version: version, into: &$0) }
        _ = try client.untilClosed()
    }

    /// Publishes one message of one unit at QoS 1; the PUBACK's code.
    func publish(_ device: TestDevice, through client: TestClient) throws -> UInt8? {
        try client.publish(device.up(), "x", qos: .atLeastOnce)?.code
    }

    /// An application that hears all uplink of a product.
    func backend(of product: TestProduct) async throws -> TestClient {
        let key = try await world.createApplication("backend-\(product.key)")
        let client = try TestClient.connected(
            port: world.plainPort,
            as: .application(key, clientID: "backend-\(product.key)"),
            keepAliveSeconds: 0
        )
        _ = try client.subscribe("d/\(product.key)/+/up/#")
        return client
    }

    // MARK: Books

    func figures(of product: TestProduct) throws -> ProductFigures {
        try #require(try world.figures(of: product))
    }

    func record(of device: TestDevice) throws -> DeviceRecord {
        try #require(try world.record(of: device.identity))
    }

    /// All codes the device has consumed, the latest first.
    func history(of device: TestDevice) throws -> [Entitlement] {
        try world.gateway.ledger.read { (books, transaction) throws(StoreError) in
            try books.activations(of: device.identity, limit: 1_000, in: transaction)
        }.elements.map(\.entitlement)
    }
}
