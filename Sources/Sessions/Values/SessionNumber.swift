public import Bytes
public import Storage

/// Names one life of a stored session: from its first CONNECT until it is discarded. Never used again.
public struct SessionNumber: StorageKey, Hashable, Comparable, Sendable {
    public let rawValue: UInt64

    public init(_ rawValue: UInt64) { self.rawValue = rawValue }

    public static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }

    public func encode(into writer: inout KeyWriter) { writer.append(rawValue) }

    public init?(decoding reader: inout ByteReader) {
        guard let value = reader.readUInt64() else { return nil }
        rawValue = value
    }
}

extension SessionNumber: CustomStringConvertible {
    public var description: String { "session \(rawValue)" }
}
