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
