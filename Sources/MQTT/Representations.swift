public import Bytes

/// MQTT's data representations (1.5). Each throws when the bytes are not there or break a rule of
/// that representation; offsets count from the start of the reader's bytes.
extension ByteReader {
    @inlinable
    @_lifetime(self: copy self)
    mutating func requireUInt8() throws(DecodingError) -> UInt8 {
        guard let value = readUInt8() else { throw DecodingError(.truncated, at: offset) }
        return value
    }

    @inlinable
    @inline(__always)
    @_lifetime(self: copy self)
    mutating func requireUInt16() throws(DecodingError) -> UInt16 {
        guard let value = readUInt16() else { throw DecodingError(.truncated, at: offset) }
        return value
    }

    @inlinable
    @_lifetime(self: copy self)
    mutating func requireUInt32() throws(DecodingError) -> UInt32 {
        guard let value = readUInt32() else { throw DecodingError(.truncated, at: offset) }
        return value
    }

    /// 1.5.5.
    @inlinable
    @_lifetime(self: copy self)
    mutating func requireVariableByteInteger() throws(DecodingError) -> Int {
        let rest = bytes.extracting(offset..<bytes.count)
        switch VariableByteInteger.decode(rest) {
        case .value(let value, let size):
            _ = readBytes(size)
            return value
        case .incomplete: throw DecodingError(.truncated, at: offset)
        case .tooLong: throw DecodingError(.variableByteIntegerTooLong, at: offset)
        case .notMinimal: throw DecodingError(.variableByteIntegerNotMinimal, at: offset)
        }
    }

    /// 1.5.6.
    @inlinable
    @inline(__always)
    @_lifetime(copy self)
    @_lifetime(self: copy self)
    mutating func requireBinary() throws(DecodingError) -> Span<UInt8> {
        let start = offset
        guard let count = readUInt16(), let value = readBytes(Int(count)) else {
            throw DecodingError(.truncated, at: start)
        }
        return value
    }

    /// 1.5.4.
    @inlinable
    @_lifetime(copy self)
    @_lifetime(self: copy self)
    mutating func requireString() throws(DecodingError) -> Span<UInt8> {
        let start = offset
        let value = try requireBinary()
        if let violation = UTF8Rules.violation(in: value) {
            throw DecodingError(violation, at: start)
        }
        return value
    }

    /// 2.2.1: a packet identifier, which is not 0.
    @inlinable
    @inline(__always)
    @_lifetime(self: copy self)
    mutating func requirePacketID() throws(DecodingError) -> UInt16 {
        let value = try requireUInt16()
        guard value != 0 else { throw DecodingError(.packetIdentifierZero, at: offset - 2) }
        return value
    }

    /// A reason code that packets of `type` can have (table 2-6).
    @inlinable
    @_lifetime(self: copy self)
    mutating func requireReasonCode(in type: PacketType) throws(DecodingError) -> ReasonCode {
        let value = try requireUInt8()
        guard let reason = ReasonCode(rawValue: value), reason.isAllowed(in: type) else {
            throw DecodingError(.reasonCodeNotAllowed, at: offset - 1)
        }
        return reason
    }

    /// A topic filter or shared subscription (4.7, 4.8.2).
    @inlinable
    @_lifetime(copy self)
    @_lifetime(self: copy self)
    mutating func requireTopicFilter() throws(DecodingError) -> TopicFilter {
        let start = offset
        let text = try requireBinary()
        do throws(DecodingError) {
            return try TopicFilter(text)
        } catch {
            throw DecodingError(error.violation, at: start + 2 + error.offset)
        }
    }

    @inlinable
    func requireEnd() throws(DecodingError) {
        guard isAtEnd else { throw DecodingError(.trailingBytes, at: offset) }
    }
}

/// MQTT's data representations (1.5), and lengths that are known only after what they count.
extension ByteBuffer {
    /// `value` from 0 to 268,435,455 (1.5.5).
    @inlinable
    mutating func appendVariableByteInteger(_ value: Int) {
        precondition(value >= 0 && value <= VariableByteInteger.maximum, "no such length in MQTT")
        var rest = value
        while rest >= 0x80 {
            append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        append(UInt8(truncatingIfNeeded: rest))
    }

    /// A string or binary data of at most 65,535 bytes, its length first (1.5.4, 1.5.6).
    @inlinable
    mutating func appendCounted(_ bytes: Span<UInt8>) {
        precondition(bytes.count <= 0xFFFF, "longer than MQTT can say")
        append(UInt16(bytes.count))
        append(bytes)
    }

    /// The first byte of a packet and room for its remaining length, which is at least `minimum`.
    @inlinable
    mutating func beginPacket(_ firstByte: UInt8, expecting minimum: Int) -> LengthMark {
        append(firstByte)
        return beginLength(expecting: minimum)
    }

    /// Room for a length of at least `minimum`.
    @inlinable
    mutating func beginLength(expecting minimum: Int) -> LengthMark {
        let mark = LengthMark(offset: count, size: VariableByteInteger.size(of: minimum))
        for _ in 0..<mark.size { append(0 as UInt8) }
        return mark
    }

    /// Fills in the length of what was appended since, and of `following` bytes still to come.
    @inlinable
    mutating func endLength(_ mark: LengthMark, following: Int = 0) {
        let length = count - mark.offset - mark.size + following
        precondition(length <= VariableByteInteger.maximum, "no packet is that long in MQTT")
        let size = VariableByteInteger.size(of: length)
        if size > mark.size { insertGap(of: size - mark.size, at: mark.offset) }
        var rest = length
        for index in 0..<size {
            let more: UInt8 = index + 1 < size ? 0x80 : 0
            self[mark.offset + index] = UInt8(truncatingIfNeeded: rest & 0x7F) | more
            rest >>= 7
        }
    }

    /// A reason code and properties, each left out when there is nothing to say (3.4.2.1).
    @inlinable
    mutating func appendOptional(
        _ reason: ReasonCode,
        in place: PropertyPlace,
        _ properties: (inout PropertyWriter) -> Void
    ) {
        let start = count
        append(reason.rawValue)
        if !PropertyWriter.write(into: &self, in: place, properties) {
            truncate(to: reason == .success ? start : start + 1)
        }
    }
}

/// Where a variable byte integer stands that counts what comes after it, and how many bytes were
/// kept free for it.
@frozen
@usableFromInline
struct LengthMark {
    @usableFromInline let offset: Int
    @usableFromInline let size: Int

    @inlinable
    init(offset: Int, size: Int) {
        self.offset = offset
        self.size = size
    }
}

/// Variable byte integers: seven bits a byte, least significant first, up to four bytes (1.5.5).
public enum VariableByteInteger {
    /// The largest value there is: 268,435,455.
    @inlinable
    public static var maximum: Int { 0x0FFF_FFFF }

    /// How many bytes `value` takes: 1 to 4. It must be from 0 to `maximum`.
    @inlinable
    public static func size(of value: Int) -> Int {
        if value < 1 << 7 { return 1 }
        if value < 1 << 14 { return 2 }
        return value < 1 << 21 ? 3 : 4
    }

    /// What the first bytes of a span are.
    @frozen
    public enum Decoded: Equatable {
        case value(Int, size: Int)
        case incomplete
        case tooLong
        case notMinimal
    }

    /// Reads the integer at the start of `bytes`.
    @inlinable
    public static func decode(_ bytes: Span<UInt8>) -> Decoded {
        var value = 0
        for index in 0..<Swift.min(bytes.count, 4) {
            let byte = bytes[index]
            value |= Int(byte & 0x7F) << (7 * index)
            if byte < 0x80 {
                if byte == 0 && index > 0 { return .notMinimal }
                return .value(value, size: index + 1)
            }
        }
        return bytes.count < 4 ? .incomplete : .tooLong
    }
}
