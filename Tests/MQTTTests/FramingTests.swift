import Bytes
import MQTT
import Testing

@Suite struct FramingTests {
    private func framing(_ bytes: [UInt8], maximum: Int = 1 << 28) throws(DecodingError) -> Framing
    {
        try Framing.next(in: bytes.span, maximumPacketSize: maximum)
    }

    private func rule(_ bytes: [UInt8], maximum: Int = 1 << 28) -> Violation? {
        violation { () throws(DecodingError) in _ = try framing(bytes, maximum: maximum) }
    }

    @Test("1.5.5, table 1-1: each length is written in the least bytes, and read back")
    func variableByteIntegers() {
        let vectors: [(Int, [UInt8])] = [
            (0, [0]), (64, [0x40]), (127, [0x7F]), (128, [0x80, 0x01]), (321, [0xC1, 0x02]),
            (16_383, [0xFF, 0x7F]), (16_384, [0x80, 0x80, 0x01]),
            (2_097_151, [0xFF, 0xFF, 0x7F]), (2_097_152, [0x80, 0x80, 0x80, 0x01]),
            (268_435_455, [0xFF, 0xFF, 0xFF, 0x7F]),
        ]
        for (value, bytes) in vectors {
            let decoded = VariableByteInteger.decode(bytes.span)
            #expect(decoded == .value(value, size: bytes.count))
            #expect(VariableByteInteger.size(of: value) == bytes.count)
        }
    }

    private func repetition(_ bytes: [UInt8]) throws(DecodingError) -> Framing? {
        try Framing.nextRepetition(in: bytes.span, maximumPacketSize: 128)
    }

    @Test(
        "MQTT 3.1: PUBREL, SUBSCRIBE and UNSUBSCRIBE that are marked as sent before, and no others")
    func repetitions() throws {
        for type in PacketType.allCases {
            let first = type.firstByte | 8
            let isKnown = [.pubrel, .subscribe, .unsubscribe].contains(type)
            let header = try FixedHeader(firstByte: type.firstByte, remainingLength: 2)
            let whole = Framing.packet(header, headerLength: 2, totalLength: 4)
            #expect(try repetition([first, 2, 0, 9, 1]) == (isKnown ? whole : nil))
            #expect(try repetition([first, 2, 0]) == (isKnown ? .incomplete : nil))
            #expect(try repetition([first]) == (isKnown ? .incomplete : nil))
            if isKnown { #expect(rule([first, 2, 0, 9]) == .invalidFlags) }
        }
        #expect(try repetition([]) == nil)
        #expect(
            violation { () throws(DecodingError) in _ = try repetition([0x68, 2, 0, 9]) }
                == .invalidFlags)
        #expect(
            violation { () throws(DecodingError) in _ = try repetition([0x8A, 0x80, 1]) }
                == .packetTooLarge)
    }

    @Test("1.5.5: a fifth length byte is malformed as soon as the fourth says so")
    func longLength() {
        #expect(rule([0x30, 0xFF, 0xFF, 0xFF, 0xFF]) == .variableByteIntegerTooLong)
        #expect(rule([0x30, 0x80, 0x80, 0x80, 0x80, 0x01]) == .variableByteIntegerTooLong)
        #expect(Violation.variableByteIntegerTooLong.reason == .malformedPacket)
    }

    @Test("[MQTT-1.5.5-1] A length of more bytes than necessary is malformed")
    func notMinimal() {
        #expect(rule([0xC0, 0x80, 0x00]) == .variableByteIntegerNotMinimal)
        #expect(rule([0xC0, 0x81, 0x80, 0x00]) == .variableByteIntegerNotMinimal)
        #expect(Violation.variableByteIntegerNotMinimal.reason == .malformedPacket)
    }

    @Test("[MQTT-2.1.3-1] Table 2-2: each first byte is taken or malformed, with one byte there")
    func firstBytes() {
        for byte in UInt8.min...UInt8.max {
            let flags = byte & 0x0F
            let expected: Violation? =
                switch byte >> 4 {
                case 0: .reservedPacketType
                case 3 where flags & 6 == 6: .publishQoSReserved
                case 3 where flags & 0b1110 == 0b1000: .duplicateAtMostOnce
                case 3: nil
                case 6, 8, 10: flags == 2 ? nil : .invalidFlags
                default: flags == 0 ? nil : .invalidFlags
                }
            #expect(rule([byte]) == expected)
            #expect(rule([byte, 0x80]) == expected)
            #expect(
                rule([byte, 0x05])
                    == (expected ?? (byte >= 0xC0 && byte < 0xE0 ? .trailingBytes : nil)))
            if let expected { #expect(expected.reason == .malformedPacket) }
        }
    }

    @Test("[MQTT-3.2.2-15] A packet that is too large is refused before any of its body is there")
    func tooLarge() throws {
        #expect(rule([0x30, 0x7F], maximum: 128) == .packetTooLarge)
        #expect(rule([0x30, 0xFF, 0xFF, 0xFF, 0x7F], maximum: 1 << 20) == .packetTooLarge)
        #expect(Violation.packetTooLarge.reason == .packetTooLarge)
        let fits = try framing([0x30, 0x7E], maximum: 128)
        #expect(fits == .incomplete)
    }

    @Test("Packets are found one after another, whatever follows")
    func stream() throws {
        let bytes: [UInt8] = [0xC0, 0x00, 0x40, 0x02, 0x00, 0x07, 0x30]
        let first = try framing(bytes)
        #expect(
            first
                == .packet(
                    try FixedHeader(firstByte: 0xC0, remainingLength: 0), headerLength: 2,
                    totalLength: 2))
        let second = try framing(Array(bytes[2...]))
        #expect(
            second
                == .packet(
                    try FixedHeader(firstByte: 0x40, remainingLength: 2), headerLength: 2,
                    totalLength: 4))
        #expect(try framing([]) == .incomplete)
    }
}
