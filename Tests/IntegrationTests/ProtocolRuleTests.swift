import Gateway
import MQTT
import Support
import Testing

extension WholeGateway {
    /// What a server must refuse, answer or leave out, whatever the client is.
    @Suite struct ProtocolRuleTests {
        @Test(
            "[MQTT-3.1.0-2] a second CONNECT ends the connection",
            arguments: ProtocolVersion.allCases)
        func secondConnect(version: ProtocolVersion) async throws {
            try await TestGateway.run { gateway in
                let client = try gateway.anonymous("client", version: version)
                try client.sendConnect(as: .anonymous("client"))
                #expect(try client.endingCode() == (version == .v5 ? 0x82 : nil))
            }
        }

        @Test(
            "[MQTT-3.1.0-1] a first packet that is no CONNECT ends the connection without an answer"
        )
        func firstPacket() async throws {
            try await TestGateway.run { gateway in
                for packet in [[0xC0, 0], [0x30, 3, 0, 1, 65], [0xE0, 0]] as [[UInt8]] {
                    let client = try TestClient(port: gateway.openPort)
                    try client.send(packet)
                    #expect(try client.untilClosed().isEmpty)
                }
            }
        }

        @Test(
            "[MQTT-3.1.3-8] of 3.1.1: an empty client identifier without Clean Session: return code 2"
        )
        func emptyIdentifierOf3() async throws {
            try await TestGateway.run { gateway in
                for (isClean, code) in [(false, UInt8(2)), (true, 0)] {
                    let client = try TestClient(port: gateway.openPort, version: .v3_1_1)
                    let answer = try client.connect(as: .anonymous(""), isCleanStart: isClean)
                    #expect(answer.code == code)
                }
            }
        }

        @Test(
            "[MQTT-3.1.3-7], [MQTT-3.2.2-16] of 5.0: it is assigned one, and finds its session by it"
        )
        func emptyIdentifierOf5() async throws {
            try await TestGateway.run(shards: 4) { gateway in
                let client = try TestClient(port: gateway.openPort)
                let answer = try client.connect(as: .anonymous(""), isCleanStart: false) {
                    $0.sessionExpiryInterval(seconds: 100)
                }
                #expect(answer.code == 0 && !answer.isSessionPresent)
                let name = try #require(answer.assignedClientID)
                try client.leave()
                let (_, again) = try gateway.open(name, .v5, expiry: 100)
                #expect(again.isSessionPresent)
            }
        }

        @Test(
            "3.1.2.11.9: an Authentication Method is answered with 0x8C; AUTH without one with 0x82"
        )
        func authentication() async throws {
            try await TestGateway.run { gateway in
                let client = try TestClient(port: gateway.openPort)
                let answer = try client.connect(as: .anonymous("client")) {
                    $0.authenticationMethod("SCRAM-SHA-1".utf8Span.span)
                }
                #expect(answer.code == 0x8C)
                let other = try gateway.anonymous("other")
                try other.send([0xF0, 0])
                #expect(try other.endingCode() == 0x82)
            }
        }

        @Test("[MQTT-3.1.2-29] without Request Problem Information no PUBACK has a Reason String")
        func problemInformation() async throws {
            try await TestGateway.run { gateway in
                for wants in [true, false] {
                    let client = try TestClient(port: gateway.openPort)
                    client.tellsUnheard = true
                    _ = try client.connect(as: .anonymous("client")) {
                        $0.requestProblemInformation(wants)
                    }
                    let answer = try client.publish("t", "x", qos: .atLeastOnce)
                    #expect(answer?.code == 0x10)
                    #expect((answer?.reasonString != nil) == wants)
                }
            }
        }

        @Test("3.6.2.1: PUBREL for an unknown packet identifier is answered with PUBCOMP 0x92")
        func unknownRelease() async throws {
            try await TestGateway.run { gateway in
                let client = try gateway.anonymous("client")
                try client.send { Pubrel.encode(packetID: 5, version: .v5, into: &$0) }
                #expect(try client.acknowledgement(.pubcomp, 5).code == 0x92)
            }
        }

        @Test(
            "[MQTT-3.9.3-1], [MQTT-3.11.3-1] SUBACK and UNSUBACK have a code for each filter, in order"
        )
        func codes() async throws {
            try await TestGateway.run { gateway in
                let client = try gateway.anonymous("client")
                #expect(try client.subscribe("a", "b/#", qos: .exactlyOnce) == [2, 2])
                #expect(try client.subscribe("a", qos: .atMostOnce) == [0])
                #expect(try client.unsubscribe("c", "a", "b/#", "a") == [0x11, 0, 0, 0x11])
            }
        }

        @Test("[MQTT-3.3.2-14] a Response Topic with a wildcard ends the connection")
        func responseTopic() async throws {
            try await TestGateway.run { gateway in
                let client = try gateway.anonymous("client")
                // Topic t, properties of 6 bytes: Response Topic a/#.
                try client.send([0x30, 10, 0, 1, 0x74, 6, 8, 0, 3, 0x61, 0x2F, 0x23])
                #expect(try client.endingCode() == 0x82)
            }
        }

        @Test(
            "[MQTT-3.3.2-17] user properties keep their order, and reach every subscriber unaltered"
        )
        func userProperties() async throws {
            try await TestGateway.run(shards: 4) { gateway in
                let receivers = try (0..<6).map { try gateway.anonymous("receiver-\($0)") }
                for receiver in receivers { try receiver.subscribe("t") }
                let publisher = try gateway.anonymous("publisher")
                try publisher.publish("t", "x", qos: .atLeastOnce) { properties in
                    for (name, value) in [("b", "1"), ("a", "2"), ("b", "1")] {
                        properties.userProperty(
                            name: name.utf8Span.span, value: value.utf8Span.span)
                    }
                    properties.responseTopic("answers".utf8Span.span)
                    properties.contentType("text".utf8Span.span)
                }
                for receiver in receivers {
                    let message = try receiver.message()
                    #expect(message.userProperties == ["b=1", "a=2", "b=1"])
                    #expect(message.properties.sorted() == ["content-type", "response", "user"])
                }
            }
        }
    }
}
