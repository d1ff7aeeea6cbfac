import Bytes
import MQTT
import Testing

@Suite struct AnswerTests {
    private func puback(_ body: [UInt8], _ version: ProtocolVersion) -> Violation? {
        violation { () throws(DecodingError) in
            _ = try Puback(decoding: body.span, version: version)
        }
    }

    @Test("3.4.2.1: success without properties is written in four bytes, each type its own")
    func shortForms() {
        for version in ProtocolVersion.allCases {
            #expect(
                bytes { Puback.encode(packetID: 0x1234, version: version, into: &$0) }
                    == [0x40, 2, 0x12, 0x34])
            #expect(
                bytes { Pubrec.encode(packetID: 1, version: version, into: &$0) }
                    == [0x50, 2, 0, 1])
            #expect(
                bytes { Pubrel.encode(packetID: 1, version: version, into: &$0) }
                    == [0x62, 2, 0, 1])
            #expect(
                bytes { Pubcomp.encode(packetID: 1, version: version, into: &$0) { _ in } }
                    == [0x70, 2, 0, 1])
        }
        let refusal = bytes {
            Puback.encode(packetID: 1, reason: .quotaExceeded, version: .v5, into: &$0)
        }
        #expect(refusal == [0x40, 3, 0, 1, 0x97])
        let old = bytes {
            Puback.encode(packetID: 1, reason: .quotaExceeded, version: .v3_1_1, into: &$0)
        }
        #expect(old == [0x40, 2, 0, 1])
    }

    @Test("3.4.2.1: reason code and properties may be left out, from the end")
    func lengths() {
        #expect(puback([0, 1], .v5) == nil)
        #expect(puback([0, 1, 0], .v5) == nil)
        #expect(puback([0, 1, 0, 0], .v5) == nil)
        #expect(puback([0, 1, 0, 0, 0], .v5) == .trailingBytes)
        #expect(puback([0, 1, 0], .v3_1_1) == .trailingBytes)
        #expect(puback([0], .v5) == .truncated)
        #expect(puback([0, 0], .v5) == .packetIdentifierZero)
    }

    @Test("[MQTT-3.4.2-1] 2.4, table 2-6: each packet has its reason codes, and no others")
    func reasonCodes() {
        let publication: Set<UInt8> = [0, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99]
        let expected: [PacketType: Set<UInt8>] = [
            .connack: Set(
                [0] + Array(0x80...0x8A) + [0x8C, 0x90, 0x95, 0x97] + Array(0x99...0x9D) + [0x9F]),
            .puback: publication, .pubrec: publication,
            .pubrel: [0, 0x92], .pubcomp: [0, 0x92],
            .suback: [0, 1, 2, 0x80, 0x83, 0x87, 0x8F, 0x91, 0x97, 0x9E, 0xA1, 0xA2],
            .unsuback: [0, 0x11, 0x80, 0x83, 0x87, 0x8F, 0x91],
            .disconnect: Set(
                [0, 4, 0x80, 0x81, 0x82, 0x83, 0x87, 0x89, 0x8B, 0x8C, 0x8D, 0x8E, 0x8F, 0x90]
                    + Array(0x93...0xA2)),
            .auth: [0, 0x18, 0x19],
        ]
        for type in PacketType.allCases {
            let codes = Set(
                ReasonCode.allCases.filter { $0.isAllowed(in: type) }.map(\.rawValue))
            #expect(codes == expected[type] ?? [], "\(type)")
        }
        for byte in UInt8.min...UInt8.max {
            let isTaken = puback([0, 1, byte], .v5) == nil
            #expect(isTaken == publication.contains(byte))
        }
        #expect(puback([0, 1, 0x92], .v5) == .reasonCodeNotAllowed)
        #expect(Violation.reasonCodeNotAllowed.reason == .protocolError)
        #expect(ReasonCode.allCases.count == 43)
    }

    @Test("[MQTT-3.14.2-1] Table 3-10: who may send which DISCONNECT; 3.1.1 says nothing in it")
    func disconnect() {
        func rule(
            _ body: [UInt8], _ version: ProtocolVersion, _ sender: Sender
        ) -> Violation? {
            violation { () throws(DecodingError) in
                _ = try Disconnect(decoding: body.span, version: version, sender: sender)
            }
        }
        #expect(rule([], .v3_1_1, .client) == nil && rule([], .v5, .server) == nil)
        #expect(rule([0], .v3_1_1, .client) == .trailingBytes)
        #expect(rule([4], .v5, .client) == nil)
        #expect(rule([4], .v5, .server) == .reasonCodeNotAllowed)
        #expect(rule([0x8E], .v5, .server) == nil)
        #expect(rule([0x8E], .v5, .client) == .reasonCodeNotAllowed)
        #expect(rule([0, 5, 0x11, 0, 0, 0, 1], .v5, .client) == nil)
        #expect(rule([0, 5, 0x11, 0, 0, 0, 1], .v5, .server) == .sessionExpiryFromServer)
        #expect(rule([0, 0, 0], .v5, .client) == .trailingBytes)
        #expect(bytes { Disconnect.encode(version: .v5, into: &$0) } == [0xE0, 0])
        let takenOver = bytes {
            Disconnect.encode(reason: .sessionTakenOver, version: .v5, into: &$0)
        }
        #expect(takenOver == [0xE0, 1, 0x8E])
    }

    @Test("3.15.2: AUTH is of 5.0 only, names its method, and each side has its codes")
    func auth() {
        func rule(
            _ body: [UInt8], _ version: ProtocolVersion = .v5, _ sender: Sender = .client
        ) -> Violation? {
            violation { () throws(DecodingError) in
                _ = try Auth(decoding: body.span, version: version, sender: sender)
            }
        }
        let method: [UInt8] = [4, 0x15, 0, 1, 0x6D]
        #expect(rule([0x18] + method) == nil && rule([0x19] + method) == nil)
        #expect(rule([0] + method, .v5, .server) == nil && rule([], .v5, .server) == nil)
        #expect(rule([0] + method) == .reasonCodeNotAllowed)
        #expect(rule([0x19] + method, .v5, .server) == .reasonCodeNotAllowed)
        #expect(rule([0x18, 0]) == .authenticationMethodMissing)
        #expect(rule([0x18]) == .truncated)
        #expect(rule([0x18] + method, .v3_1_1) == .packetTypeNotInVersion)
        #expect(rule([0x18] + method + [0]) == .trailingBytes)
    }

    @Test("3.12, 3.13: a ping is two bytes")
    func pings() {
        #expect(bytes { Pingreq.encode(into: &$0) } == [0xC0, 0])
        #expect(bytes { Pingresp.encode(into: &$0) } == [0xD0, 0])
    }
}
