import Gateway
import MQTT
import Support
import Testing

extension WholeGateway {
    /// Shared subscriptions (4.8.2).
    @Suite struct ShareTests {
        private static let shards = [1, 4]

        @Test(
            "4.8.2: each message goes to one member of a share, in turn, and to each other subscriber",
            arguments: ProtocolVersion.allCases, shards
        )
        func balanced(version: ProtocolVersion, shards: Int) async throws {
            try await TestGateway.run(shards: shards) { gateway in
                let members = try (0..<4).map {
                    try gateway.anonymous("member-\($0)", version: version)
                }
                for member in members { try member.subscribe("$share/g/t/#") }
                let alone = try gateway.anonymous("alone", version: version)
                try alone.subscribe("t/#")
                let publisher = try gateway.anonymous("publisher")
                for number in 0..<40 {
                    try publisher.publish("t/\(number)", "x", qos: .atLeastOnce)
                }
                var topics: [String] = []
                for member in members {
                    for _ in 0..<10 { topics.append(try member.message().topic) }
                    #expect(try await gateway.unread(by: member) == [])
                }
                #expect(topics.sorted() == (0..<40).map { "t/\($0)" }.sorted())
                for number in 0..<40 { #expect(try alone.message().topic == "t/\(number)") }
            }
        }

        @Test(
            "4.8.2: what a member has not acknowledged when it leaves goes to another one",
            arguments: shards
        )
        func redistributed(shards: Int) async throws {
            try await TestGateway.run(shards: shards) { gateway in
                let leaver = try gateway.anonymous("leaver")
                leaver.acknowledgesMessages = false
                try leaver.subscribe("$share/g/t")
                let publisher = try gateway.anonymous("publisher")
                for number in 0..<10 {
                    try publisher.publish("t", "\(number)", qos: .atLeastOnce)
                }
                for _ in 0..<10 { _ = try leaver.message() }
                let heir = try gateway.anonymous("heir")
                try heir.subscribe("$share/g/t")
                try leaver.leave()
                let texts = try (0..<10).map { _ in try heir.message().text }
                #expect(texts.sorted() == (0..<10).map { "\($0)" })
            }
        }

        @Test(
            "4.8.2: members that are away get messages only when nobody is there", arguments: shards
        )
        func absent(shards: Int) async throws {
            try await TestGateway.run(shards: shards) { gateway in
                let (away, _) = try gateway.open("away", .v5, expiry: 100)
                try away.subscribe("$share/g/t")
                try away.leave()
                let present = try gateway.anonymous("present")
                try present.subscribe("$share/g/t")
                await gateway.settle()
                let publisher = try gateway.anonymous("publisher")
                for number in 0..<6 {
                    try publisher.publish("t", "\(number)", qos: .atLeastOnce)
                }
                for number in 0..<6 { #expect(try present.message().text == "\(number)") }
                try present.ping()
                try present.leave()
                await gateway.settle()
                try publisher.publish("t", "alone", qos: .atLeastOnce)
                let (back, _) = try gateway.open("away", .v5, expiry: 100)
                #expect(try back.message().text == "alone")
            }
        }

        @Test("[MQTT-3.8.3-4] No Local on a shared subscription is a protocol error: 0x82")
        func noLocal() async throws {
            try await TestGateway.run { gateway in
                let client = try gateway.anonymous("client")
                let filter = Array("$share/g/t".utf8)
                try client.send { buffer in
                    Subscribe.encode(packetID: 1, version: .v5, into: &buffer) { writer in
                        writer.append(
                            filter.span, SubscriptionOptions(qos: .atLeastOnce, noLocal: true))
                    }
                }
                #expect(try client.endingCode() == 0x82)
            }
        }
    }
}
