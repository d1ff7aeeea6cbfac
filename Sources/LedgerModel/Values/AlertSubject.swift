public import Bytes
public import Encoding

/// What has crossed a threshold.
public enum AlertSubject: Hashable, Sendable, CustomStringConvertible {
    case product(ProductKey)

    /// The packs of that kind, all together.
    case packs(TopUpKind)

    /// All products of the account.
    case account

    /// A node of the gateway.
    case node(NodeName)

    /// An authority of the account.
    case authority(AuthorityID)

    public var product: ProductKey? {
        switch self {
        case .product(let key): key
        case .packs, .account, .node, .authority: nil
        }
    }

    public var packs: TopUpKind? {
        switch self {
        case .product, .account, .node, .authority: nil
        case .packs(let kind): kind
        }
    }

    public var node: NodeName? {
        switch self {
        case .product, .account, .packs, .authority: nil
        case .node(let name): name
        }
    }

    public var authority: AuthorityID? {
        switch self {
        case .product, .account, .packs, .node: nil
        case .authority(let id): id
        }
    }

    public var description: String {
        switch self {
        case .product(let key): "product \(key)"
        case .packs(let kind): "packs of \(kind.name)"
        case .account: "all products"
        case .node(let name): "node \(name)"
        case .authority(let id): "authority \(id)"
        }
    }
}

/// A byte for the kind, then the subject's own key.
extension AlertSubject: StorageKey {
    public func encode(into writer: inout KeyWriter) {
        switch self {
        case .product(let key):
            writer.append(UInt8(Tag.product.rawValue))
            key.encode(into: &writer)
        case .packs(let kind):
            writer.append(UInt8(Tag.packs.rawValue))
            kind.encode(into: &writer)
        case .account: writer.append(UInt8(Tag.account.rawValue))
        case .node(let name):
            writer.append(UInt8(Tag.node.rawValue))
            name.encode(into: &writer)
        case .authority(let id):
            writer.append(UInt8(Tag.authority.rawValue))
            id.encode(into: &writer)
        }
    }

    public init?(decoding reader: inout ByteReader) {
        guard let tag = reader.readUInt8().flatMap({ Tag(rawValue: UInt16($0)) }) else {
            return nil
        }
        let subject: AlertSubject? =
            switch tag {
            case .product: ProductKey(decoding: &reader).map(Self.product)
            case .packs: TopUpKind(decoding: &reader).map(Self.packs)
            case .account: .account
            case .node: NodeName(decoding: &reader).map(Self.node)
            case .authority: AuthorityID(decoding: &reader).map(Self.authority)
            }
        guard let subject else { return nil }
        self = subject
    }
}

extension AlertSubject: TaggedRecord {
    enum Tag: UInt16, RecordTag {
        case product = 1
        case packs = 2
        case authority = 156
        case account = 160
        case node = 161
    }

    package func encode(into buffer: inout ByteBuffer) {
        switch self {
        case .product(let key): buffer.append(Tag.product, key)
        case .packs(let kind): buffer.append(Tag.packs, kind)
        case .account: buffer.append(Tag.account)
        case .node(let name): buffer.append(Tag.node, name)
        case .authority(let id): buffer.append(Tag.authority, id)
        }
    }

    package init(from reader: inout ByteReader) throws(MalformedRecord) {
        self =
            switch try reader.takeTag(of: Self.self) {
            case .product: try reader.make(Self.product)
            case .packs: try reader.make(Self.packs)
            case .account: .account
            case .node: try reader.make(Self.node)
            case .authority: try reader.make(Self.authority)
            }
    }
}
