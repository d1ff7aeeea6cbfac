package import Bytes
package import Encoding
public import Time

/// What a command does with a product's secret, by which its devices register themselves.
public enum ProductSecretAction: Hashable, Sendable {
    /// Another secret from now on; the one before is taken for so long still, at most `Books.overlapMaximumHours`.
    case rotate(ProductKey, secret: SealedSecret, overlapMilliseconds: UInt64)

    /// No device registers itself with a secret, until there is another one.
    case revoke(ProductKey)
}

extension ProductSecretAction: ActionPart {
    enum Tag: UInt16, RecordTag {
        case rotate = 0x3B_01
        case revoke = 0x3B_02
    }

    package func encode(into buffer: inout ByteBuffer) {
        switch self {
        case .rotate(let product, let secret, let overlap):
            buffer.append(Tag.rotate, product, secret, overlap)
        case .revoke(let product): buffer.append(Tag.revoke, product)
        }
    }

    package init(from reader: inout ByteReader) throws(MalformedRecord) {
        self =
            switch try reader.takeTag(of: Self.self) {
            case .rotate: try reader.make(Self.rotate)
            case .revoke: try reader.make(Self.revoke)
            }
    }

    var asked: ProductSecretAction {
        switch self {
        case .rotate(let product, _, let overlap):
            .rotate(product, secret: .blank, overlapMilliseconds: overlap)
        case .revoke: self
        }
    }
}

/// What became of a product's secret, as the event log keeps it. It holds no secret.
public enum ProductSecretChange: Hashable, Sendable {
    /// `until`: how long the one before is taken.
    case rotated(ProductKey, until: Timestamp)
    case revoked(ProductKey)

    /// Its name in the API.
    public var name: String {
        switch self {
        case .rotated: "product-secret-rotated"
        case .revoked: "product-secret-revoked"
        }
    }

    public var product: ProductKey {
        switch self {
        case .rotated(let product, _), .revoked(let product): product
        }
    }
}

extension ProductSecretChange: ChangePart {
    enum Tag: UInt16, RecordTag {
        case rotated = 0x4A_01
        case revoked = 0x4A_02
    }

    package func encode(into buffer: inout ByteBuffer) {
        switch self {
        case .rotated(let product, let until): buffer.append(Tag.rotated, product, until)
        case .revoked(let product): buffer.append(Tag.revoked, product)
        }
    }

    package init(from reader: inout ByteReader) throws(MalformedRecord) {
        self =
            switch try reader.takeTag(of: Self.self) {
            case .rotated: try reader.make(Self.rotated)
            case .revoked: try reader.make(Self.revoked)
            }
    }
}
