package import Bytes
package import Encoding

/// Names a key of a product, by which devices' tokens are checked: `kid` of a token (RFC 7515, 4.1.4).
public struct TokenKeyID: Identifier {
    public let text: String

    public init(checked text: String) { self.text = text }
}

/// How a key signs (RFC 7518, 3.1; RFC 8037, 3.1). A token has to name the algorithm of the key that it names.
public enum TokenAlgorithm: UInt8, RecordField, Hashable, Sendable, CaseIterable {
    case es256 = 1
    case edDSA = 2
    case hs256 = 3

    /// As tokens name it, and the API.
    public var name: String {
        switch self {
        case .es256: "ES256"
        case .edDSA: "EdDSA"
        case .hs256: "HS256"
        }
    }
}

/// A key of a product, by which devices' tokens are checked.
public struct TokenKey: Hashable, Sendable {
    /// What a signature is checked with.
    public enum Material: Hashable, Sendable {
        /// A point of P-256, uncompressed: 0x04 and two coordinates of 32 bytes.
        case es256([UInt8])

        /// A key of Ed25519: 32 bytes.
        case edDSA([UInt8])

        /// Sealed, as it signs as well.
        case hs256(SealedSecret)

        public var algorithm: TokenAlgorithm {
            switch self {
            case .es256: .es256
            case .edDSA: .edDSA
            case .hs256: .hs256
            }
        }
    }

    public let id: TokenKeyID
    public let material: Material

    /// What `aud` of a token must contain; `nil`: the product's key.
    public let audience: String?

    /// Bytes of UTF-8.
    public static let audienceMaximumLength = 256

    /// Of HS256, in bytes: at least as long as the hash (RFC 7518, 3.2), at most its block.
    public static let secretLengths = 32...64

    /// The most that a product has at once.
    public static let countMaximum = 8

    /// `nil` when the key is not as long as its kind is, or the audience is empty or too long.
    public init?(id: TokenKeyID, material: Material, audience: String?) {
        switch material {
        case .es256(let point): guard point.count == 65, point[0] == 0x04 else { return nil }
        case .edDSA(let key): guard key.count == 32 else { return nil }
        case .hs256: break
        }
        if let audience {
            guard (1...Self.audienceMaximumLength).contains(audience.utf8.count) else { return nil }
        }
        self.init(checked: id, material, audience)
    }

    private init(checked id: TokenKeyID, _ material: Material, _ audience: String?) {
        self.id = id
        self.material = material
        self.audience = audience
    }

    /// Without its secret, which is another one when the request is repeated.
    var asked: TokenKey {
        switch material {
        case .es256, .edDSA: self
        case .hs256: TokenKey(checked: id, .hs256(.blank), audience)
        }
    }
}

/// The algorithm before what is checked with it.
extension TokenKey: RecordField {
    package func encode(into buffer: inout ByteBuffer) {
        buffer.append(fields: id, material.algorithm)
        switch material {
        case .es256(let key), .edDSA(let key): buffer.append(key.span)
        case .hs256(let secret): secret.encode(into: &buffer)
        }
        buffer.append(fields: audience)
    }

    package init(from reader: inout ByteReader) throws(MalformedRecord) {
        let id = try reader.take(TokenKeyID.self)
        let material: Material =
            switch try reader.take(TokenAlgorithm.self) {
            case .es256: .es256(try reader.takeKey(65))
            case .edDSA: .edDSA(try reader.takeKey(32))
            case .hs256: .hs256(try reader.take())
            }
        guard let key = TokenKey(id: id, material: material, audience: try reader.take()) else {
            throw .malformed(what: "key of tokens")
        }
        self = key
    }
}

extension ByteReader {
    @_lifetime(self: copy self)
    fileprivate mutating func takeKey(_ count: Int) throws(MalformedRecord) -> [UInt8] {
        guard let bytes = readBytes(count) else { throw .malformed(what: "key of tokens") }
        return bytes.bytesArray
    }
}
