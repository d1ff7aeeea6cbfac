import Gateway
import Ledger
import MQTT
import Reactor
import Support
import Testing
import Time

extension WholeGateway {
    /// Sessions that outlive their connections (3.1.2.4, 3.1.2.11.2 and 4.1 of MQTT 5.0; 3.1.2.4 of
    /// 3.1.1).
    @Suite struct SessionTests {
        private static let shards = [1, 4]
        private static let begin = Timestamp(seconds: 1_790_000_000)

        @Test(
            "[MQTT-3.1.2-5], [MQTT-3.2.2-3] a session is taken up again, with its subscriptions",
            arguments: ProtocolVersion.allCases, shards
        )
        func resumed(version: ProtocolVersion, shards: Int) async throws {
            try await TestGateway.run(shards: shards) { gateway in
                let (first, answer) = try gateway.open("keeper", version, expiry: 100)
                #expect(!answer.isSessionPresent)
                try first.subscribe("t/#")
                try first.leave()
                let publisher = try gateway.anonymous("publisher")
                for number in 0..<3 {
                    try publisher.publish("t/\(number)", "\(number)", qos: .atLeastOnce)
                }
                await gateway.settle()
                let (second, again) = try gateway.open("keeper", version, expiry: 100)
                #expect(again.isSessionPresent)
                for number in 0..<3 { #expect(try second.message().text == "\(number)") }
                try publisher.publish("t/3", "3", qos: .atLeastOnce)
                #expect(try second.message().text == "3")
            }
        }

        @Test(
            "[MQTT-3.1.2-4], [MQTT-3.2.2-2] a clean start discards the session",
            arguments: ProtocolVersion.allCases, shards
        )
        func discarded(version: ProtocolVersion, shards: Int) async throws {
            try await TestGateway.run(shards: shards) { gateway in
                let (first, _) = try gateway.open("keeper", version, expiry: 100)
                try first.subscribe("t/#")
                try first.leave()
                let (second, answer) = try gateway.open(
                    "keeper", version, isCleanStart: true, expiry: 0)
                #expect(!answer.isSessionPresent)
                await gateway.settle()
                let publisher = try gateway.anonymous("publisher")
                try publisher.publish("t/1", "x", qos: .atLeastOnce)
                #expect(try await gateway.unread(by: second) == [])
                try second.leave()
                let (_, third) = try gateway.open("keeper", version, expiry: 100)
                #expect(!third.isSessionPresent)
            }
        }

        @Test("[MQTT-3.1.4-3] a takeover resumes a session that lasts, and not one that does not")
        func takeover() async throws {
            try await TestGateway.run { gateway in
                for (expiry, isPresent) in [(UInt32(100), true), (0, false)] {
                    let (older, _) = try gateway.open("keeper", .v5, expiry: expiry)
                    try older.subscribe("t/#")
                    let (newer, answer) = try gateway.open("keeper", .v5, expiry: expiry)
                    #expect(answer.isSessionPresent == isPresent)
                    #expect(try older.endingCode() == 0x8E)
                    await gateway.settle()
                    let publisher = try gateway.anonymous("publisher")
                    try publisher.publish("t/1", "x", qos: .atLeastOnce)
                    if isPresent {
                        #expect(try newer.message().text == "x")
                    } else {
                        #expect(try await gateway.unread(by: newer) == [])
                    }
                    try newer.leave { $0.sessionExpiryInterval(seconds: 0) }
                }
            }
        }

        @Test(
            "[MQTT-3.1.2-23], [MQTT-4.1.0-2] a session lasts as long as its expiry interval, no longer"
        )
        func expires() async throws {
            let clock = ManualClock(wall: Self.begin)
            try await TestGateway.run(time: .manual(clock)) { gateway in
                for (seconds, isPresent) in [(Int64(99), true), (101, false)] {
                    let (first, _) = try gateway.open(
                        "keeper", .v5, isCleanStart: true, expiry: 100)
                    try first.leave()
                    clock.advance(milliseconds: seconds * 1_000)
                    gateway.gateway.clockMoved()
                    await gateway.settle()
                    let (second, answer) = try gateway.open("keeper", .v5, expiry: 100)
                    #expect(answer.isSessionPresent == isPresent)
                    try second.leave { $0.sessionExpiryInterval(seconds: 0) }
                }
                try await until { try await gateway.sessionCount() == 0 }
            }
        }

        @Test(
            "3.1.2.11.2: a longer expiry interval than the maximum is shortened, and CONNACK says so"
        )
        func shortened() async throws {
            try await TestGateway.run {
                $0.limits.sessionExpiryMaximumSeconds = 1_000
            } _: {
                gateway in
                for (asked, told) in [
                    (UInt32(999), UInt32?.none), (1_000, nil), (1_001, 1_000), (.max, 1_000),
                ] {
                    let (client, answer) = try gateway.open("keeper", .v5, expiry: asked)
                    #expect(answer.sessionExpirySeconds == told, "\(asked)")
                    try client.leave()
                }
            }
        }

        @Test("3.14.2.2.2: DISCONNECT changes the expiry interval, unless CONNECT's was 0: 0x82")
        func changed() async throws {
            try await TestGateway.run { gateway in
                let (first, _) = try gateway.open("keeper", .v5, expiry: 100)
                try first.leave { $0.sessionExpiryInterval(seconds: 0) }
                let (second, answer) = try gateway.open("keeper", .v5, expiry: 0)
                #expect(!answer.isSessionPresent)
                try second.send {
                    Disconnect.encode(version: .v5, into: &$0) {
                        $0.sessionExpiryInterval(seconds: 5)
                    }
                }
                #expect(try second.endingCode() == 0x82)
                try await until { try await gateway.sessionCount() == 0 }
            }
        }

        @Test(
            "3.1.3.2.2: a will is published when its delay has passed, not when the client is back")
        func willDelay() async throws {
            let clock = ManualClock(wall: Self.begin)
            try await TestGateway.run(time: .manual(clock)) { gateway in
                let will = TestWill(topic: "will", payload: "gone", delaySeconds: 10)
                let watcher = try gateway.anonymous("watcher")
                try watcher.subscribe("will")
                // [MQTT-3.1.3-9]: back in time.
                try gateway.open("mortal", .v5, expiry: 100, will: will).0.lose()
                try await until { try await gateway.clientsByShard().reduce(0, +) == 1 }
                clock.advance(milliseconds: 9_000)
                gateway.gateway.clockMoved()
                await gateway.settle()
                let (back, _) = try gateway.open("mortal", .v5, expiry: 100, will: will)
                clock.advance(milliseconds: 9_000)
                gateway.gateway.clockMoved()
                #expect(try await gateway.unread(by: watcher) == [])
                // Not back.
                try back.send([0x36, 0])
                #expect(try back.endingCode() == 0x81)
                try await until { try await gateway.clientsByShard().reduce(0, +) == 1 }
                clock.advance(milliseconds: 11_000)
                gateway.gateway.clockMoved()
                #expect(try watcher.message().text == "gone")
                // [MQTT-3.1.2-8]: the session ends before.
                for expiry in [UInt32(5), 0] {
                    try gateway.open("mortal", .v5, isCleanStart: true, expiry: expiry, will: will)
                        .0.lose()
                    try await until { try await gateway.clientsByShard().reduce(0, +) == 1 }
                    clock.advance(milliseconds: Int64(expiry) * 1_000 + 500)
                    gateway.gateway.clockMoved()
                    #expect(try watcher.message().text == "gone")
                }
            }
        }

        @Test("[MQTT-3.1.2-10], 3.14.2.1: DISCONNECT discards the will, with 0x04 it does not")
        func disconnectWithWill() async throws {
            try await TestGateway.run { gateway in
                let will = TestWill(topic: "will", payload: "gone")
                let watcher = try gateway.anonymous("watcher")
                try watcher.subscribe("will")
                try gateway.open("mortal", .v5, expiry: 100, will: will).0.leave()
                #expect(try await gateway.unread(by: watcher) == [])
                try gateway.open("mortal", .v5, expiry: 100, will: will).0
                    .leave(.disconnectWithWillMessage)
                #expect(try watcher.message().text == "gone")
            }
        }

        @Test("A device's session keeps what is sent to it meanwhile; a deleted device's does not")
        func device() async throws {
            try await TestGateway.run { gateway in
                let product = try await gateway.createProduct()
                let device = try await gateway.importDevice("dk1", into: product)
                let key = try await gateway.createApplication(products: [product])
                let backend = try gateway.connect(key)
                let client = try TestClient(port: gateway.plainPort, version: .v3_1_1)
                let credentials = TestCredentials.signed(device, secureMode: 3)
                _ = try client.connect(as: credentials, isCleanStart: false)
                try client.subscribe(device.down("#"))
                try client.leave()
                try await until { await gateway.gateway.onlineCount(of: product.key) == 0 }
                let answer = try backend.publish(device.down(), "later", qos: .atLeastOnce)
                #expect(answer?.code == 0)
                let again = try TestClient(port: gateway.plainPort, version: .v3_1_1)
                let connack = try again.connect(as: credentials, isCleanStart: false)
                #expect(connack.isSessionPresent)
                #expect(try again.message().text == "later")
                try await gateway.submit(.devices(.delete(device.identity)))
                try await until { try await gateway.sessionCount() == 1 }
                #expect(
                    try backend.publish(device.down(), "never", qos: .atLeastOnce)?.code == 0x10)
            }
        }
    }
}

extension TestGateway {
    /// A client of the listener without authentication.
    func anonymous(
        _ clientID: String,
        version: ProtocolVersion = .v5,
        will: TestWill? = nil
    ) throws -> TestClient {
        let client = try TestClient.connected(
            port: openPort, version: version, as: .anonymous(clientID), will: will)
        client.tellsUnheard = true
        return client
    }

    /// One with a session that lasts `expiry` seconds; in 3.1.1 a persistent one unless that is 0.
    func open(
        _ clientID: String,
        _ version: ProtocolVersion,
        isCleanStart: Bool = false,
        expiry: UInt32,
        will: TestWill? = nil
    ) throws -> (TestClient, TestPacket.Connack) {
        let client = try TestClient(port: openPort, version: version)
        let answer = try client.connect(
            as: .anonymous(clientID),
            isCleanStart: version == .v5 ? isCleanStart : expiry == 0,
            keepAliveSeconds: 3_600,
            will: will
        ) { properties in
            if expiry > 0 { properties.sessionExpiryInterval(seconds: expiry) }
        }
        guard answer.code == 0 else { throw TestRefusal(connack: answer) }
        return (client, answer)
    }

    /// Sessions on all shards, of clients that are away too.
    func sessionCount() async throws -> Int {
        let page = await gateway.metricsText()
        return page.split(separator: "\n").filter { $0.hasPrefix("tollgate_sessions{") }
            .compactMap { $0.split(separator: " ").last.flatMap { Int($0) } }.reduce(0, +)
    }
}
