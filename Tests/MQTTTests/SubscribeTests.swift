import Bytes
import MQTT
import Testing

@Suite struct SubscribeTests {
    private func rule(_ body: [UInt8], _ version: ProtocolVersion = .v5) -> Violation? {
        let head: [UInt8] = version == .v5 ? [0, 10, 0] : [0, 10]
        let whole = head + body
        return violation { () throws(DecodingError) in
            _ = try Subscribe(decoding: whole.span, version: version)
        }
    }

    @Test("3.8.3, the standard's example: a/b with QoS 1 and c/d with QoS 2, in both versions")
    func example() throws {
        let payload: [UInt8] = [
            0x00, 0x03, 0x61, 0x2F, 0x62, 0x01, 0x00, 0x03, 0x63, 0x2F, 0x64, 0x02,
        ]
        let first = Array("a/b".utf8)
        let second = Array("c/d".utf8)
        for version in ProtocolVersion.allCases {
            let head: [UInt8] = version == .v5 ? [0x82, 15, 0, 10, 0] : [0x82, 14, 0, 10]
            let packet = bytes {
                Subscribe.encode(packetID: 10, version: version, into: &$0) {
                    $0.append(first.span, qos: .atLeastOnce)
                    $0.append(second.span, qos: .exactlyOnce)
                }
            }
            #expect(packet == head + payload)
            let subscribe = try Subscribe(
                decoding: packet.span.extracting(2..<packet.count), version: version)
            var found: [String] = []
            var iterator = subscribe.subscriptions
            while let subscription = iterator.next() {
                let name = text(subscription.filter.text) ?? ""
                found.append("\(name) \(subscription.options.qos.rawValue)")
            }
            let count = subscribe.count
            #expect(found == ["a/b 1", "c/d 2"] && count == 2)
        }
    }

    @Test("3.8.3.1: each options byte is what the clause says, or the error of its bits")
    func options() {
        for byte in UInt8.min...UInt8.max {
            var expected: Violation?
            if byte >> 4 & 3 == 3 { expected = .retainHandlingReserved }
            if byte & 3 == 3 { expected = .subscriptionQoSReserved }
            if byte & 0xC0 != 0 { expected = .subscriptionOptionsReserved }
            #expect(rule(counted("a") + [byte]) == expected, "\(byte)")
            if byte & 0xFC == 0 {
                #expect(rule(counted("a") + [byte], .v3_1_1) == expected)
            } else {
                #expect(rule(counted("a") + [byte], .v3_1_1) == .subscriptionOptionsReserved)
            }
            let options = try? SubscriptionOptions(rawValue: byte, version: .v5)
            #expect(options?.rawValue == (expected == nil ? byte : nil))
        }
        #expect(Violation.subscriptionOptionsReserved.reason == .malformedPacket)
        #expect(Violation.subscriptionQoSReserved.reason == .protocolError)
        #expect(Violation.retainHandlingReserved.reason == .protocolError)
    }

    @Test("[MQTT-3.8.3-2] [MQTT-3.8.3-4] [MQTT-3.8.3-1] At least one filter, all of them valid")
    func filters() {
        #expect(rule([]) == .subscriptionsMissing)
        #expect(Violation.subscriptionsMissing.reason == .protocolError)
        #expect(rule(counted("$share/g/a") + [0b0100]) == .noLocalOnSharedSubscription)
        #expect(Violation.noLocalOnSharedSubscription.reason == .protocolError)
        #expect(rule(counted("a") + [0b0100]) == nil)
        #expect(rule(counted("a") + [0] + counted("b#") + [0]) == .multiLevelWildcardMisplaced)
        #expect(rule(counted("") + [0]) == .topicFilterEmpty)
        #expect(rule([0, 1, 0xFF, 0]) == .illFormedString)
        #expect(rule(counted("a")) == .truncated)
        #expect(rule(counted("a") + [0, 0]) == .truncated)
    }

    @Test(
        "[MQTT-3.10.3-2] UNSUBSCRIBE: the standard's example; at least one filter, all valid"
    )
    func unsubscribe() throws {
        let first = Array("a/b".utf8)
        let second = Array("c/d".utf8)
        let packet = bytes {
            Unsubscribe.encode(packetID: 10, version: .v3_1_1, into: &$0) {
                $0.append(first.span)
                $0.append(second.span)
            }
        }
        let payload: [UInt8] = [0x00, 0x03, 0x61, 0x2F, 0x62, 0x00, 0x03, 0x63, 0x2F, 0x64]
        #expect(packet == [0xA2, 12, 0, 10] + payload)
        func rule(_ body: [UInt8]) -> Violation? {
            violation { () throws(DecodingError) in
                _ = try Unsubscribe(decoding: body.span, version: .v5)
            }
        }
        #expect(rule([0, 1, 0]) == .unsubscriptionsMissing)
        #expect(rule([0, 0, 0] + counted("a")) == .packetIdentifierZero)
        #expect(rule([0, 1, 0] + counted("a+")) == .singleLevelWildcardMisplaced)
        #expect(rule([0, 1, 0] + counted("a")) == nil)
        #expect(Violation.unsubscriptionsMissing.reason == .protocolError)
    }

    @Test("[MQTT-3.9.3-1] SUBACK: the codes in their order; in 3.1.1 every failure is 0x80")
    func suback() throws {
        let reasons: [ReasonCode] = [.grantedQoS0, .grantedQoS2, .notAuthorized]
        let old = bytes {
            Suback.encode(packetID: 10, reasons: reasons.span, version: .v3_1_1, into: &$0)
        }
        #expect(old == [0x90, 5, 0, 10, 0, 2, 0x80])
        let new = bytes {
            Suback.encode(packetID: 10, reasons: reasons.span, version: .v5, into: &$0)
        }
        #expect(new == [0x90, 6, 0, 10, 0, 0, 2, 0x87])
        func rule(_ body: [UInt8], _ version: ProtocolVersion) -> Violation? {
            violation { () throws(DecodingError) in
                _ = try Suback(decoding: body.span, version: version)
            }
        }
        #expect(rule([0, 1, 0x87], .v3_1_1) == .reasonCodeNotAllowed)
        #expect(rule([0, 1, 0, 3], .v5) == .reasonCodeNotAllowed)
        #expect(rule([0, 1], .v3_1_1) == .reasonCodesMissing)
        #expect(QoS.allCases.map { ReasonCode.granted($0).rawValue } == [0, 1, 2])
    }

    @Test("[MQTT-3.11.3-2] UNSUBACK: codes in 5.0, nothing in 3.1.1")
    func unsuback() {
        let reasons: [ReasonCode] = [.success, .noSubscriptionExisted]
        let old = bytes {
            Unsuback.encode(packetID: 1, reasons: reasons.span, version: .v3_1_1, into: &$0)
        }
        #expect(old == [0xB0, 2, 0, 1])
        func rule(_ body: [UInt8], _ version: ProtocolVersion) -> Violation? {
            violation { () throws(DecodingError) in
                _ = try Unsuback(decoding: body.span, version: version)
            }
        }
        #expect(rule([0, 1, 0], .v3_1_1) == .trailingBytes)
        #expect(rule([0, 1, 0, 1], .v5) == .reasonCodeNotAllowed)
        #expect(rule([0, 1, 0], .v5) == .reasonCodesMissing)
    }
}
