public import Bytes
public import Storage

/// Whose session it is, as a store's key: clients of different kinds, or of different keys, never have
/// the same one, whatever they call themselves.
public struct SessionName: Hashable, Sendable {
    /// What kind of client has the session; devices come first in the store.
    public enum Kind: UInt8, CaseIterable, Sendable {
        case device = 1
        case application = 2
        case anonymous = 3
    }

    /// The most bytes: leaves room for a time before them in LMDB's 511.
    public static let maximumCount = 500

    /// The kind, then what names the client among its kind.
    public let bytes: [UInt8]

    public var kind: Kind { Kind(rawValue: bytes[0]) ?? .anonymous }

    /// A device: the devices of a product are neighbours. Neither part has a `.` that could be taken for
    /// the other's, as a ProductKey has none.
    public init(product: Span<UInt8>, device: Span<UInt8>) {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(2 + product.count + device.count)
        bytes.append(Kind.device.rawValue)
        for index in product.indices { bytes.append(product[index]) }
        bytes.append(UInt8(ascii: "."))
        for index in device.indices { bytes.append(device[index]) }
        precondition(bytes.count <= Self.maximumCount, "a device's name is short")
        self.bytes = bytes
    }

    /// An application: client identifiers are the key's own. `nil` when the two are too long for a
    /// stored session (`maximumCount`).
    public init?(key: Span<UInt8>, clientID: Span<UInt8>) {
        // U+0000 is in no key and in no client identifier ([MQTT-1.5.4-2]).
        self.init(.application, key.bytesArray + [0] + clientID.bytesArray)
    }

    /// A client without credentials. `nil` when its identifier is too long for a stored session.
    public init?(anonymous clientID: Span<UInt8>) {
        self.init(.anonymous, clientID.bytesArray)
    }

    private init?(_ kind: Kind, _ rest: [UInt8]) {
        guard !rest.isEmpty, rest.count < Self.maximumCount else { return nil }
        bytes = [kind.rawValue] + rest
    }

    /// Before all names of that kind and of those after it, and equal to none.
    static func first(of kind: Kind) -> SessionName { SessionName(bytes: [kind.rawValue]) }

    private init(bytes: [UInt8]) { self.bytes = bytes }
}

/// The last part of its key, as nothing tells where it ends.
extension SessionName: StorageKey {
    public func encode(into writer: inout KeyWriter) { writer.append(bytes.span) }

    public init?(decoding reader: inout ByteReader) {
        let bytes = reader.readRemaining()
        guard bytes.count > 1, bytes.count <= Self.maximumCount, Kind(rawValue: bytes[0]) != nil
        else { return nil }
        self.init(bytes: bytes.bytesArray)
    }
}

extension SessionName: CustomStringConvertible {
    public var description: String {
        let rest = bytes.dropFirst().map { $0 == 0 ? UInt8(ascii: "/") : $0 }
        return "\(kind) \(String(decoding: rest, as: UTF8.self))"
    }
}

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
