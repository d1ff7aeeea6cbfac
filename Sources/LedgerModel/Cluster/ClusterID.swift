package import Bytes
package import Encoding

/// Tells one cluster's log and books from another's: 128 random bits, made once by who founds it.
public struct ClusterID: Hashable, Sendable {
    public let value: UInt128

    public init(_ value: UInt128) { self.value = value }

    /// Nil unless it is 32 hexadecimal digits.
    public init?(_ text: String) {
        guard text.utf8.count == 32, let value = UInt128(text, radix: 16), !text.hasPrefix("+")
        else {
            return nil
        }
        self.value = value
    }
}

extension ClusterID: CustomStringConvertible {
    /// 32 hexadecimal digits.
    public var description: String {
        let digits = String(value, radix: 16)
        return String(repeating: "0", count: 32 - digits.count) + digits
    }
}

extension ClusterID: RecordField {
    package func encode(into buffer: inout ByteBuffer) {
        buffer.append(UInt64(truncatingIfNeeded: value >> 64))
        buffer.append(UInt64(truncatingIfNeeded: value))
    }

    package init(from reader: inout ByteReader) throws(MalformedRecord) {
        let high = try reader.takeUInt64()
        let low = try reader.takeUInt64()
        value = UInt128(high) << 64 | UInt128(low)
    }
}
