import Bytes
import MQTT
import Testing

@Suite struct PublishTests {
    private func rule(
        _ flags: UInt8, _ body: [UInt8], _ version: ProtocolVersion, _ sender: Sender = .client
    ) -> Violation? {
        violation { () throws(DecodingError) in
            let header = try FixedHeader(
                firstByte: 0x30 | flags, remainingLength: body.count)
            _ = try Publish(decoding: body.span, header: header, version: version, sender: sender)
        }
    }

    @Test("A decoded PUBLISH has at most six words: a larger one is destroyed by a call for each")
    func size() { #expect(MemoryLayout<Publish>.size <= 6 * 8) }

    @Test("3.3.2, the standard's example: topic a/b, packet identifier 10, in both versions")
    func example() {
        let topic = Array("a/b".utf8)
        let payload: [UInt8] = [1, 2]
        let old = bytes {
            Publish.encode(
                topic: topic.span, payload: payload.span, qos: .atLeastOnce, packetID: 10,
                version: .v3_1_1, into: &$0)
        }
        #expect(old == [0x32, 9, 0x00, 0x03, 0x61, 0x2F, 0x62, 0x00, 0x0A, 1, 2])
        let new = bytes {
            Publish.encode(
                topic: topic.span, payload: payload.span, qos: .exactlyOnce, packetID: 10,
                isRetained: true, isDuplicate: true, version: .v5, into: &$0)
        }
        #expect(new == [0x3D, 10, 0x00, 0x03, 0x61, 0x2F, 0x62, 0x00, 0x0A, 0x00, 1, 2])
    }

    @Test("Each size of the remaining length is written right, with and without properties")
    func sizes() throws {
        let topic = Array("t".utf8)
        let text = [UInt8](repeating: 0x61, count: 120)
        for size in [0, 1, 120, 123, 124, 125, 126, 16_200, 16_376, 16_379, 16_380, 2_097_150] {
            for hasProperties in [false, true] {
                let payload = [UInt8](repeating: 0x55, count: size)
                let packet = bytes {
                    Publish.encode(
                        topic: topic.span, payload: payload.span, version: .v5, into: &$0
                    ) { if hasProperties { $0.contentType(text.span) } }
                }
                let again = try Recoder.recode(
                    packet, version: .v5, sender: .client, maximumPacketSize: 1 << 28)
                #expect(again == packet)
                #expect(Array(packet[(packet.count - size)...]) == payload)
            }
        }
    }

    @Test(
        "[MQTT-2.2.1-3] [MQTT-2.2.1-2] A packet identifier of 1 to 65,535 above QoS 0, none in it")
    func packetIdentifiers() throws {
        #expect(rule(2, counted("a") + [0, 0], .v3_1_1) == .packetIdentifierZero)
        #expect(rule(2, counted("a") + [0], .v3_1_1) == .truncated)
        #expect(Violation.packetIdentifierZero.reason == .protocolError)
        let body = counted("a") + [0, 0]
        let header = try FixedHeader(firstByte: 0x30, remainingLength: body.count)
        let publish = try Publish(decoding: body.span, header: header, version: .v3_1_1)
        let (packetID, payload) = (publish.packetID, array(publish.payload))
        #expect(packetID == nil && payload == [0, 0])
    }

    @Test("3.3.2.1: no topic name needs a topic alias, which 3.1.1 does not have")
    func emptyTopic() {
        #expect(rule(0, [0, 0], .v3_1_1) == .topicNameEmpty)
        #expect(rule(0, [0, 0, 0], .v5) == .topicNameMissing)
        #expect(rule(0, [0, 0, 3, 0x23, 0, 1], .v5) == nil)
        #expect(Violation.topicNameMissing.reason == .protocolError)
        #expect(Violation.topicNameEmpty.reason == .malformedPacket)
    }

    @Test("[MQTT-3.3.2-1] [MQTT-3.3.2-2] The topic name is a string without wildcards")
    func topicName() {
        #expect(rule(0, counted("a/+"), .v3_1_1) == .topicNameWildcard)
        #expect(rule(0, counted("a/#") + [0], .v5) == .topicNameWildcard)
        #expect(rule(0, [0, 1, 0xFF], .v3_1_1) == .illFormedString)
        #expect(rule(0, [0, 1, 0], .v3_1_1) == .nullCharacter)
        #expect(rule(0, [0, 2, 0x61], .v3_1_1) == .truncated)
        #expect(rule(0, [0], .v3_1_1) == .truncated)
    }

    @Test("[MQTT-3.3.4-6] A client's PUBLISH has no subscription identifier, a server's may")
    func subscriptionIdentifier() {
        let body = counted("a") + [2, 0x0B, 1]
        #expect(rule(0, body, .v5, .client) == .subscriptionIdentifierFromClient)
        #expect(rule(0, body, .v5, .server) == nil)
        #expect(Violation.subscriptionIdentifierFromClient.reason == .protocolError)
    }

    @Test("[MQTT-3.3.2-8] A topic alias of 0 is answered with 0x94")
    func topicAlias() {
        #expect(rule(0, counted("a") + [3, 0x23, 0, 0], .v5) == .topicAliasZero)
        #expect(Violation.topicAliasZero.reason == .topicAliasInvalid)
    }

    @Test("2.2.2.1: a property length that reaches past the packet is malformed")
    func propertyLength() {
        #expect(rule(0, counted("a") + [4, 0x23, 0, 1], .v5) == .truncated)
        #expect(rule(0, counted("a") + [0x80], .v5) == .truncated)
        #expect(rule(0, counted("a") + [0x80, 0], .v5) == .variableByteIntegerNotMinimal)
        #expect(rule(0, counted("a"), .v5) == .truncated)
    }
}
