package import Bytes
package import Encoding

/// A place in the replicated log, and what the books were made of up to there. Two nodes that are at one
/// position have one chain, or their books are not the same.
public struct LogMark: Hashable, Sendable {
    /// Of the last entry that was applied; 0 before the first.
    public let position: UInt64
    public let chain: ChainHash

    public init(position: UInt64, chain: ChainHash) {
        self.position = position
        self.chain = chain
    }
}

extension LogMark: RecordField {
    package func encode(into buffer: inout ByteBuffer) { buffer.append(fields: position, chain) }

    package init(from reader: inout ByteReader) throws(MalformedRecord) {
        self = try reader.make(Self.init(position:chain:))
    }
}

extension LogMark: CustomStringConvertible {
    public var description: String { "\(position)/\(chain)" }
}

/// SHA-256 over the one before, an entry of the log, and what it did to the books: the same on every
/// node, or the nodes have gone different ways.
public struct ChainHash: Hashable, Sendable {
    private let words: Words

    private struct Words: Hashable, Sendable {
        var first: UInt64
        var second: UInt64
        var third: UInt64
        var fourth: UInt64
    }

    /// In bytes.
    public static var length: Int { 32 }

    /// Nil unless there are 32 bytes.
    public init?(_ bytes: Span<UInt8>) {
        guard bytes.count == Self.length else { return nil }
        var reader = ByteReader(bytes)
        guard let first = reader.readUInt64(), let second = reader.readUInt64(),
            let third = reader.readUInt64(), let fourth = reader.readUInt64()
        else { return nil }
        words = Words(first: first, second: second, third: third, fourth: fourth)
    }
}

extension ChainHash: RecordField {
    package func encode(into buffer: inout ByteBuffer) {
        buffer.append(words.first)
        buffer.append(words.second)
        buffer.append(words.third)
        buffer.append(words.fourth)
    }

    package init(from reader: inout ByteReader) throws(MalformedRecord) {
        guard let bytes = reader.readBytes(Self.length), let chain = Self(bytes) else {
            throw .malformed(what: "chain")
        }
        self = chain
    }
}

extension ChainHash: CustomStringConvertible {
    /// Its first 16 hexadecimal digits, which are enough to tell two apart.
    public var description: String {
        let digits = String(words.first, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}
