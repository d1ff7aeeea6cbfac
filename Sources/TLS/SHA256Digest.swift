/// 32 bytes: what SHA-256 or HMAC-SHA256 (FIPS 180-4, RFC 2104) made. Compared in constant time.
public struct SHA256Digest: Sendable, Hashable, CustomStringConvertible {
    /// Bytes of a digest.
    public static let length = 32

    var bytes: InlineArray<32, UInt8>

    init(bytes: InlineArray<32, UInt8>) {
        self.bytes = bytes
    }

    /// A digest that was stored; nil unless there are 32 bytes.
    public init?(_ stored: Span<UInt8>) {
        guard stored.count == Self.length else { return nil }
        bytes = InlineArray { stored[$0] }
    }

    /// The bytes, borrowed.
    public var span: Span<UInt8> {
        @_lifetime(borrow self)
        get { bytes.span }
    }

    public static func == (left: SHA256Digest, right: SHA256Digest) -> Bool {
        constantTimeEqual(left.span, right.span)
    }

    public func hash(into hasher: inout Hasher) {
        for index in 0..<Self.length { hasher.combine(bytes[index]) }
    }

    /// Whether `text` is this digest in hexadecimal, 64 digits of either case. The time taken does
    /// not depend on which digits differ.
    public func matches(hexadecimal text: Span<UInt8>) -> Bool {
        guard text.count == 2 * Self.length else { return false }
        var decoded = InlineArray<32, UInt8>(repeating: 0)
        var wellFormed = true
        for index in 0..<Self.length {
            let high = Hexadecimal.value(ofDigit: text[2 * index])
            let low = Hexadecimal.value(ofDigit: text[2 * index + 1])
            wellFormed = (high | low) < 16 && wellFormed
            decoded[index] = (high & 15) << 4 | (low & 15)
        }
        let equal = constantTimeEqual(decoded.span, bytes.span)
        return equal && wellFormed
    }

    /// 64 hexadecimal digits in lower case.
    public var description: String {
        unsafe String(unsafeUninitializedCapacity: 2 * Self.length) { target in
            for index in 0..<Self.length {
                // Safe: the capacity is two digits a byte.
                unsafe target[2 * index] = Hexadecimal.digit(of: bytes[index] >> 4)
                unsafe target[2 * index + 1] = Hexadecimal.digit(of: bytes[index] & 15)
            }
            return 2 * Self.length
        }
    }
}
