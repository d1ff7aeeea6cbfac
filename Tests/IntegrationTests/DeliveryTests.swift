import Gateway
import MQTT
import Support
import Testing

extension WholeGateway {
    /// QoS 1 and 2 towards clients, and what is sent again (4.3 and 4.4).
    @Suite struct DeliveryTests {
        private static let shards = [1, 4]

        @Test(
            "[MQTT-4.3.3-2], [MQTT-4.3.3-4] QoS 2 is handed on at QoS 2: PUBLISH, PUBREC, PUBREL, PUBCOMP",
            arguments: ProtocolVersion.allCases, shards
        )
        func exactlyOnce(version: ProtocolVersion, shards: Int) async throws {
            try await TestGateway.run(shards: shards) { gateway in
                let receiver = try gateway.anonymous("receiver", version: version)
                #expect(try receiver.subscribe("t/#", qos: .exactlyOnce) == [2])
                let publisher = try gateway.anonymous("publisher", version: version)
                for number in 0..<20 {
                    try publisher.publish("t/\(number)", "x", qos: .exactlyOnce)
                }
                for number in 0..<20 {
                    let message = try receiver.message()
                    #expect(message.topic == "t/\(number)" && message.qos == .exactlyOnce)
                    let packetID = try #require(message.packetID)
                    _ = try receiver.acknowledgement(.pubrel, packetID)
                }
                #expect(try await gateway.unread(by: receiver) == [])
            }
        }

        @Test(
            "[MQTT-4.4.0-1], [MQTT-3.3.1-1] what was not acknowledged is sent again, with DUP, in order",
            arguments: ProtocolVersion.allCases, shards
        )
        func sentAgain(version: ProtocolVersion, shards: Int) async throws {
            try await TestGateway.run(shards: shards) { gateway in
                let (first, _) = try gateway.open("keeper", version, expiry: 100)
                first.acknowledgesMessages = false
                try first.subscribe("t/#", qos: .exactlyOnce)
                let publisher = try gateway.anonymous("publisher")
                for qos in [QoS.atLeastOnce, .exactlyOnce, .atLeastOnce, .exactlyOnce] {
                    try publisher.publish("t/x", "\(qos)", qos: qos)
                }
                let sent = try (0..<4).map { _ in try first.message() }
                #expect(sent.allSatisfy { !$0.isDuplicate })
                // The second is known to have arrived.
                let released = try #require(sent[1].packetID)
                try first.send { Pubrec.encode(packetID: released, version: version, into: &$0) }
                _ = try first.acknowledgement(.pubrel, released)
                try first.leave()
                let (second, answer) = try gateway.open("keeper", version, expiry: 100)
                #expect(answer.isSessionPresent)
                _ = try second.acknowledgement(.pubrel, released)
                for message in [sent[0], sent[2], sent[3]] {
                    let again = try second.message()
                    #expect(again.isDuplicate)
                    let packetID = try #require(again.packetID)
                    #expect(packetID == message.packetID && again.qos == message.qos)
                    guard again.qos == .exactlyOnce else { continue }
                    _ = try second.acknowledgement(.pubrel, packetID)
                }
                try second.ping()
                try second.leave()
                // All is acknowledged now.
                let (third, _) = try gateway.open("keeper", version, expiry: 100)
                #expect(try await gateway.unread(by: third) == [])
            }
        }

        @Test(
            "4.3.3: a PUBREC with an error is the end of the message; an unknown one is told so"
        )
        func refused() async throws {
            try await TestGateway.run { gateway in
                let receiver = try TestClient(port: gateway.openPort)
                _ = try receiver.connect(as: .anonymous("receiver")) { $0.receiveMaximum(1) }
                receiver.acknowledgesMessages = false
                try receiver.subscribe("t", qos: .exactlyOnce)
                let publisher = try gateway.anonymous("publisher")
                for number in 0..<2 { try publisher.publish("t", "\(number)", qos: .exactlyOnce) }
                let packetID = try #require(try receiver.message().packetID)
                try receiver.send {
                    Pubrec.encode(
                        packetID: packetID, reason: .quotaExceeded, version: .v5, into: &$0)
                }
                let next = try receiver.message()
                #expect(next.text == "1" && !next.isDuplicate)
                try receiver.send { Pubrec.encode(packetID: 4_711, version: .v5, into: &$0) }
                #expect(try receiver.acknowledgement(.pubrel, 4_711).code == 0x92)
            }
        }

        @Test(
            "[MQTT-4.3.3-10] a QoS 2 message that is sent again on a new connection is taken once",
            arguments: ProtocolVersion.allCases
        )
        func takenOnce(version: ProtocolVersion) async throws {
            try await TestGateway.run { gateway in
                let receiver = try gateway.anonymous("receiver")
                try receiver.subscribe("t", qos: .exactlyOnce)
                let (first, _) = try gateway.open("sender", version, expiry: 100)
                try first.sendPublish("t", [1], qos: .exactlyOnce, packetID: 9)
                _ = try first.acknowledgement(.pubrec, 9)
                try first.leave()
                let (second, _) = try gateway.open("sender", version, expiry: 100)
                try second.sendPublish(
                    "t", [1], qos: .exactlyOnce, packetID: 9, isDuplicate: true)
                _ = try second.acknowledgement(.pubrec, 9)
                try second.send { Pubrel.encode(packetID: 9, version: version, into: &$0) }
                #expect(try second.acknowledgement(.pubcomp, 9).code == 0)
                #expect(try receiver.message().payload == [1])
                #expect(try await gateway.unread(by: receiver) == [])
            }
        }

        @Test(
            "PUBACK 0x10 when nobody has subscribed, PUBREC too; 0 when somebody has",
            arguments: shards)
        func unheard(shards: Int) async throws {
            try await TestGateway.run(shards: shards) { gateway in
                let publisher = try gateway.anonymous("publisher")
                #expect(try publisher.publish("t", "x", qos: .atLeastOnce)?.code == 0x10)
                try publisher.sendPublish("t", [], qos: .exactlyOnce, packetID: 77)
                #expect(try publisher.acknowledgement(.pubrec, 77).code == 0x10)
                let receiver = try gateway.anonymous("receiver")
                try receiver.subscribe("t")
                #expect(try publisher.publish("t", "x", qos: .atLeastOnce)?.code == 0)
            }
        }

        @Test(
            "A receiver that does not read loses QoS 0 first, and of QoS 1 what is above its limit")
        func slow() async throws {
            try await TestGateway.run {
                $0.limits.queueMessages = 10
            } _: { gateway in
                let (first, _) = try gateway.open("keeper", .v5, expiry: 100)
                try first.subscribe("t", qos: .atLeastOnce)
                try first.leave()
                let publisher = try gateway.anonymous("publisher")
                for number in 0..<20 {
                    try publisher.publish("t", "\(number)", qos: .atLeastOnce)
                }
                let (second, _) = try gateway.open("keeper", .v5, expiry: 100)
                for number in 0..<10 { #expect(try second.message().text == "\(number)") }
                #expect(try await gateway.unread(by: second) == [])
                #expect(await gateway.metric("tollgate_deliveries_dropped_total") == 10)
            }
        }
    }
}
