public import Bytes

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
