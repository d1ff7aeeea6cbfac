public import Bytes
public import Encoding

/// What an owner of metadata calls one of its values: 1 to 40 of `[A-Za-z0-9_.-]`.
public struct MetadataKey: Identifier {
    public static var maximumLength: Int { 40 }

    public let text: String

    public init(checked text: String) { self.text = text }
}

extension MetadataKey: RecordField {}

/// A value of metadata: up to 200 characters (Unicode scalars), none of them a control character.
public struct MetadataValue: Hashable, Sendable, CustomStringConvertible {
    /// The most characters a value has.
    public static var maximumLength: Int { 200 }

    public let text: String

    /// `nil` when `text` is no such value.
    public init?(_ text: String) {
        guard text.unicodeScalars.count <= Self.maximumLength,
            text.unicodeScalars.allSatisfy(DisplayName.allows)
        else { return nil }
        self.text = text
    }

    public var description: String { text }
}

extension MetadataValue: RecordField {
    package func encode(into buffer: inout ByteBuffer) { buffer.append(text: text) }

    package init(from reader: inout ByteReader) throws(MalformedRecord) {
        guard let value = MetadataValue(try reader.takeText()) else {
            throw .malformed(what: "metadata value")
        }
        self = value
    }
}

/// What users have noted about an account, a product or a device: values under keys of their own. The gateway makes
/// nothing of them.
public struct Metadata: Hashable, Sendable {
    /// Of one owner.
    public static var countMaximum: Int { 16 }

    public private(set) var values: [MetadataKey: MetadataValue] = [:]

    public init() {}

    /// By key.
    public var entries: [(key: MetadataKey, value: MetadataValue)] {
        values.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    }

    /// This with the edits, the last one of a key being the one that counts (RFC 7396).
    package func merging(_ edits: [MetadataEdit]) -> Metadata {
        var merged = self
        for edit in edits { merged.values[edit.key] = edit.value }
        return merged
    }

    /// The least that makes this of `old`, by key.
    package func edits(since old: Metadata) -> [MetadataEdit] {
        Set(values.keys).union(old.values.keys).sorted()
            .filter { values[$0] != old.values[$0] }
            .map { MetadataEdit(key: $0, value: values[$0]) }
    }
}

extension Metadata: RecordField {
    package func encode(into buffer: inout ByteBuffer) {
        entries.map { MetadataEdit(key: $0.key, value: $0.value) }.encode(into: &buffer)
    }

    package init(from reader: inout ByteReader) throws(MalformedRecord) {
        let edits: [MetadataEdit] = try reader.take()
        self = Metadata().merging(edits)
        // One value of each key, by key.
        guard self.edits(since: Metadata()) == edits else { throw .malformed(what: "metadata") }
    }
}

/// What somebody's metadata is to have: what devices and products are searched by.
public struct MetadataMatch: Hashable, Sendable {
    public let key: MetadataKey
    public let value: MetadataValue

    public init(key: MetadataKey, value: MetadataValue) {
        self.key = key
        self.value = value
    }

    /// Reads `KEY=VALUE`; `nil` when the text is not of that form.
    public init?(_ text: String) {
        let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, let key = MetadataKey(String(parts[0])),
            let value = MetadataValue(String(parts[1]))
        else { return nil }
        self.init(key: key, value: value)
    }

    public func isIn(_ metadata: Metadata) -> Bool { metadata.values[key] == value }
}

/// One key of a merge: its value from then on, or `nil`: it is gone.
public struct MetadataEdit: Hashable, Sendable {
    public let key: MetadataKey
    public let value: MetadataValue?

    public init(key: MetadataKey, value: MetadataValue?) {
        self.key = key
        self.value = value
    }
}

extension MetadataEdit: RecordField {
    package func encode(into buffer: inout ByteBuffer) { buffer.append(fields: key, value) }

    package init(from reader: inout ByteReader) throws(MalformedRecord) {
        self = try reader.make(Self.init(key:value:))
    }
}

/// Whose the metadata is.
public enum MetadataOwner: Hashable, Sendable, CustomStringConvertible {
    case account(AccountID)
    case product(ProductKey)
    case device(DeviceIdentity)

    private enum Kind: UInt8 {
        case account = 1
        case product = 2
        case device = 3
    }

    public var description: String {
        switch self {
        case .account(let id): "account \(id)"
        case .product(let key): "product \(key)"
        case .device(let identity): "device \(identity)"
        }
    }
}

/// A byte for the kind, then the owner's own key.
extension MetadataOwner: StorageKey {
    public func encode(into writer: inout KeyWriter) {
        switch self {
        case .account(let id):
            writer.append(Kind.account.rawValue)
            id.encode(into: &writer)
        case .product(let key):
            writer.append(Kind.product.rawValue)
            key.encode(into: &writer)
        case .device(let identity):
            writer.append(Kind.device.rawValue)
            identity.encode(into: &writer)
        }
    }

    public init?(decoding reader: inout ByteReader) {
        guard let kind = reader.readUInt8().flatMap(Kind.init(rawValue:)) else { return nil }
        let owner: MetadataOwner? =
            switch kind {
            case .account: AccountID(decoding: &reader).map(Self.account)
            case .product: ProductKey(decoding: &reader).map(Self.product)
            case .device: DeviceIdentity(decoding: &reader).map(Self.device)
            }
        guard let owner else { return nil }
        self = owner
    }
}

extension MetadataOwner: TaggedRecord {
    enum Tag: UInt16, RecordTag {
        case account = 1
        case product = 2
        case device = 3
    }

    package func encode(into buffer: inout ByteBuffer) {
        switch self {
        case .account(let id): buffer.append(Tag.account, id)
        case .product(let key): buffer.append(Tag.product, key)
        case .device(let identity): buffer.append(Tag.device, identity)
        }
    }

    package init(from reader: inout ByteReader) throws(MalformedRecord) {
        self =
            switch try reader.takeTag(of: Self.self) {
            case .account: try reader.make(Self.account)
            case .product: try reader.make(Self.product)
            case .device: try reader.make(Self.device)
            }
    }
}
