import Gateway
import Ledger
import MQTT
import Reactor
import Sessions
import Support
import TestFiles
import Testing
import Time

extension WholeGateway {
    /// Sessions that outlive the process (4.1).
    @Suite struct StoredSessionTests {
        private static let shards = [1, 4]

        @Test(
            "[MQTT-3.1.2-23], 4.1: subscriptions, queue, packet identifiers and QoS 2 states survive a restart",
            arguments: ProtocolVersion.allCases, shards
        )
        func restart(version: ProtocolVersion, shards: Int) async throws {
            let directory = TemporaryDirectory()
            var sent: [TestPacket.Message] = []
            try await TestGateway.run(shards: shards, directory: directory) { gateway in
                let (client, _) = try gateway.open("keeper", version, expiry: 1_000)
                client.acknowledgesMessages = false
                try client.subscribe("t/#", qos: .exactlyOnce)
                let publisher = try gateway.anonymous("publisher")
                try publisher.publish("t/1", "one", qos: .atLeastOnce)
                try publisher.publish("t/2", "two", qos: .exactlyOnce)
                sent = try [client.message(), client.message()]
                try client.sendPublish("u", [], qos: .exactlyOnce, packetID: 9)
                _ = try client.acknowledgement(.pubrec, 9)
                try client.leave()
                try publisher.publish("t/3", "three", qos: .exactlyOnce)
            }
            try await TestGateway.run(shards: shards, directory: directory) { gateway in
                let publisher = try gateway.anonymous("publisher")
                let answer = try publisher.publish("t/4", "four", qos: .atLeastOnce)
                #expect(answer?.code == 0)
                let (client, connack) = try gateway.open("keeper", version, expiry: 1_000)
                #expect(connack.isSessionPresent)
                var released: [UInt16] = []
                for earlier in sent {
                    let again = try client.message()
                    #expect(again.isDuplicate && again.text == earlier.text)
                    #expect(again.packetID == earlier.packetID)
                    if again.qos == .exactlyOnce { released.append(again.packetID ?? 0) }
                }
                for text in ["three", "four"] {
                    let message = try client.message()
                    #expect(message.text == text && !message.isDuplicate)
                    if message.qos == .exactlyOnce { released.append(message.packetID ?? 0) }
                }
                for packetID in released { _ = try client.acknowledgement(.pubrel, packetID) }
                try client.send { Pubrel.encode(packetID: 9, version: version, into: &$0) }
                #expect(try client.acknowledgement(.pubcomp, 9).code == 0)
                try client.ping()
                try client.leave()
                try await until { try gateway.gateway.sessions.figures().queuedMessages == 0 }
            }
        }

        @Test("A device's stored session is found when a message comes for it", arguments: shards)
        func device(shards: Int) async throws {
            let directory = TemporaryDirectory()
            var device: TestDevice?
            var key: TestApplication?
            try await TestGateway.run(shards: shards, directory: directory) { gateway in
                let product = try await gateway.createProduct()
                let imported = try await gateway.importDevice("dk1", into: product)
                device = imported
                key = try await gateway.createApplication(products: [product])
                let client = try TestClient(port: gateway.plainPort, version: .v3_1_1)
                _ = try client.connect(
                    as: .signed(imported, secureMode: 3), isCleanStart: false)
                try client.subscribe(imported.down("#"))
                try client.leave()
            }
            let (known, application) = (try #require(device), try #require(key))
            try await TestGateway.run(shards: shards, directory: directory) { gateway in
                #expect(try await gateway.sessionCount() == 0)
                let backend = try gateway.connect(application)
                #expect(
                    try backend.publish(known.down(), "later", qos: .atLeastOnce)?.code == 0)
                let client = try TestClient(port: gateway.plainPort, version: .v3_1_1)
                let connack = try client.connect(
                    as: .signed(known, secureMode: 3), isCleanStart: false)
                #expect(connack.isSessionPresent)
                #expect(try client.message().text == "later")
            }
        }

        @Test(
            "[MQTT-3.1.2-4] a clean start discards a stored session, and a restart does not find it"
        )
        func discarded() async throws {
            let directory = TemporaryDirectory()
            try await TestGateway.run(directory: directory) { gateway in
                let (client, _) = try gateway.open("keeper", .v5, expiry: 1_000)
                try client.subscribe("t")
                try client.leave()
            }
            try await TestGateway.run(directory: directory) { gateway in
                let (client, answer) = try gateway.open(
                    "keeper", .v5, isCleanStart: true, expiry: 0)
                #expect(!answer.isSessionPresent)
                try client.leave()
                try await until { try gateway.gateway.sessions.figures().sessions == 0 }
            }
        }

        @Test("A store that is full: 0x83, and what was acknowledged before is there; others go on")
        func full() async throws {
            try await TestGateway.run { configuration in
                configuration.storage.usageMapBytes = 1 << 20
                configuration.limits.queueBytes = 1 << 30
            } _: { gateway in
                let (first, _) = try gateway.open("keeper", .v5, expiry: 1_000)
                try first.subscribe("t")
                try first.leave()
                let (old, _) = try gateway.open("old", .v3_1_1, expiry: 1_000)
                let publisher = try gateway.anonymous("publisher")
                let payload = [UInt8](repeating: 7, count: 10_000)
                var taken = 0
                while taken < 200,
                    try publisher.publish("t", bytes: payload, qos: .atLeastOnce)?.code == 0
                {
                    taken += 1
                }
                #expect(taken > 0 && taken < 200)
                #expect(
                    try publisher.publish("t", bytes: payload, qos: .atLeastOnce)?.code == 0x83)
                // What 3.1.1 can't be told of is not acknowledged, however often it comes.
                try old.sendPublish("t", payload, qos: .exactlyOnce, packetID: 7)
                #expect(try old.untilClosed().isEmpty)
                let (again, _) = try gateway.open("old", .v3_1_1, expiry: 1_000)
                try again.sendPublish(
                    "t", payload, qos: .exactlyOnce, packetID: 7, isDuplicate: true)
                #expect(try again.untilClosed().isEmpty)
                let other = try gateway.anonymous("other")
                try other.subscribe("u")
                #expect(try publisher.publish("u", "x", qos: .atLeastOnce)?.code == 0)
                #expect(try other.message().text == "x")
                let (second, answer) = try gateway.open("keeper", .v5, expiry: 1_000)
                #expect(answer.isSessionPresent)
                for _ in 0..<taken { #expect(try second.message().payload == payload) }
                #expect(try await gateway.unread(by: second) == [])
            }
        }

        @Test("What is quiet for a minute leaves memory, and is found again", arguments: shards)
        func unloaded(shards: Int) async throws {
            let clock = ManualClock(wall: Timestamp(seconds: 1_790_000_000))
            try await TestGateway.run(shards: shards, time: .manual(clock)) { gateway in
                let product = try await gateway.createProduct()
                let device = try await gateway.importDevice("dk1", into: product)
                let key = try await gateway.createApplication(products: [product])
                let credentials = TestCredentials.signed(device, secureMode: 3)
                let client = try TestClient(port: gateway.plainPort, version: .v3_1_1)
                _ = try client.connect(as: credentials, isCleanStart: false)
                try client.subscribe(device.down("#"))
                try client.leave()
                let (keeper, _) = try gateway.open("keeper", .v5, expiry: 100_000)
                try keeper.subscribe("t")
                try keeper.leave()
                let backend = try gateway.connect(key, keepAliveSeconds: 3_600)
                for text in ["one", "two"] {
                    let answer = try backend.publish(device.down(), text, qos: .atLeastOnce)
                    #expect(answer?.code == 0)
                    let publisher = try gateway.anonymous("publisher")
                    try publisher.publish("t", text, qos: .atLeastOnce)
                    try publisher.leave()
                    for _ in 0..<3 {
                        clock.advance(milliseconds: 61_000)
                        await gateway.settle()
                    }
                    // The backend, and the application that is away: its filters are needed.
                    try await until { try await gateway.sessionCount() == 2 }
                }
                let again = try TestClient(port: gateway.plainPort, version: .v3_1_1)
                let connack = try again.connect(as: credentials, isCleanStart: false)
                #expect(connack.isSessionPresent)
                let (back, _) = try gateway.open("keeper", .v5, expiry: 100_000)
                for text in ["one", "two"] {
                    #expect(try again.message().text == text)
                    #expect(try back.message().text == text)
                }
            }
        }

        @Test("Sessions of clients without expiry leave nothing on disk")
        func clean() async throws {
            try await TestGateway.run { gateway in
                let client = try gateway.anonymous("client")
                try client.subscribe("t", qos: .exactlyOnce)
                try client.publish("t", "x", qos: .exactlyOnce)
                _ = try client.message()
                let figures = try gateway.gateway.sessions.figures()
                #expect(figures.sessions == 0 && figures.queuedMessages == 0)
            }
        }
    }
}
