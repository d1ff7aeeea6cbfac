import Bytes
public import Cryptography
public import Ledger

/// A key for devices' tokens as a person gives it: a public key as PEM, or a JSON Web Key (RFC 7517), of HS256 with its
/// secret.
public enum GivenTokenKey: Sendable {
    case es256([UInt8])
    case edDSA([UInt8])

    /// In the clear: to be sealed.
    case hs256([UInt8])

    /// Why a text is none.
    public enum Fault: Error, Hashable, Sendable, CustomStringConvertible {
        case form
        case privateKey
        case kind
        case member(String)
        case secretLength

        public var description: String {
            switch self {
            case .form: "must be a public key as PEM (BEGIN PUBLIC KEY), or a JSON Web Key"
            case .privateKey: "is a private key: give the public one, and keep that where it is"
            case .kind: "must be of P-256 (ES256), of Ed25519 (EdDSA), or a secret (oct, HS256)"
            case .member(let name): "\(name) of the JSON Web Key is missing, or not as it must be"
            case .secretLength:
                "a secret of HS256 has \(TokenKey.secretLengths.lowerBound) to \(TokenKey.secretLengths.upperBound) bytes"
            }
        }
    }

    /// Bytes of a text.
    public static let maximumLength = 2_048

    public init(_ text: String) throws(Fault) {
        let text = String(text.drop(while: \.isWhitespace))
        guard text.utf8.count <= Self.maximumLength else { throw .form }
        if text.hasPrefix("{") {
            guard let object = TokenObject(Array(text.utf8)) else { throw .form }
            try self.init(object)
        } else {
            guard !text.contains("PRIVATE KEY-----") else { throw .privateKey }
            guard text.hasPrefix("-----BEGIN PUBLIC KEY-----") else { throw .form }
            guard let key = SignatureKey(pem: text) else { throw .kind }
            self.init(key)
        }
    }

    private init(_ key: SignatureKey) {
        self =
            switch key.kind {
            case .p256: .es256(key.bytes)
            case .ed25519: .edDSA(key.bytes)
            }
    }

    /// RFC 7518, 6; RFC 8037, 2.
    private init(_ object: TokenObject) throws(Fault) {
        switch (object.text("kty"), object.text("crv")) {
        case ("oct", _):
            let secret = try Self.bytes("k", of: object)
            guard TokenKey.secretLengths.contains(secret.count) else { throw .secretLength }
            self = .hs256(secret)
        case ("EC", "P-256"):
            let (x, y) = (try Self.bytes("x", of: object), try Self.bytes("y", of: object))
            guard object.members["d"] == nil else { throw .privateKey }
            guard x.count == 32, y.count == 32, let key = SignatureKey(.p256, [0x04] + x + y)
            else { throw .member("x, y") }
            self.init(key)
        case ("OKP", "Ed25519"):
            let x = try Self.bytes("x", of: object)
            guard object.members["d"] == nil else { throw .privateKey }
            guard let key = SignatureKey(.ed25519, x) else { throw .member("x") }
            self.init(key)
        default: throw .kind
        }
        if object.members["alg"] != nil, object.text("alg") != algorithm.name {
            throw .member("alg")
        }
    }

    private static func bytes(_ name: String, of object: TokenObject) throws(Fault) -> [UInt8] {
        guard let bytes = object.text(name).flatMap({ Base64URL.decoded($0) }) else {
            throw .member(name)
        }
        return bytes
    }

    private var algorithm: TokenAlgorithm {
        switch self {
        case .es256: .es256
        case .edDSA: .edDSA
        case .hs256: .hs256
        }
    }

    /// As the books may hold it; `nil` when the audience is none.
    public func sealed(
        as id: TokenKeyID, of product: ProductKey, audience: String?, with keys: SecretKeys
    ) throws(CryptoError) -> TokenKey? {
        let material: TokenKey.Material =
            switch self {
            case .es256(let bytes): .es256(bytes)
            case .edDSA(let bytes): .edDSA(bytes)
            case .hs256(let secret):
                .hs256(try keys.seal(secret, forTokenKey: id, of: product))
            }
        return TokenKey(id: id, material: material, audience: audience)
    }
}
