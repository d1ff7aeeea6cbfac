package import Bytes
package import Encoding

/// What a command does with the keys of applications and operators, and with those that secrets are
/// sealed with.
public enum KeyAction: Hashable, Sendable {
    case create(NewKey)
    case revoke(KeyID)
    case rename(KeyID, String)

    /// The keys that secrets are sealed with from now on; those that are known already are left as
    /// they are.
    case adoptSealingKeys([SealingKey])
}

extension KeyAction: ActionPart {
    enum Tag: UInt16, RecordTag {
        case create = 21
        case revoke = 22
        case rename = 113
        case adoptSealingKeys = 55
    }

    package func encode(into buffer: inout ByteBuffer) {
        switch self {
        case .create(let newKey): buffer.append(Tag.create, newKey)
        case .revoke(let key): buffer.append(Tag.revoke, key)
        case .rename(let key, let name): buffer.append(Tag.rename, key, name)
        case .adoptSealingKeys(let keys): buffer.append(Tag.adoptSealingKeys, keys)
        }
    }

    package init(from reader: inout ByteReader) throws(MalformedRecord) {
        self =
            switch try reader.takeTag(of: Self.self) {
            case .create: try reader.make(Self.create)
            case .revoke: try reader.make(Self.revoke)
            case .rename: try reader.make(Self.rename)
            case .adoptSealingKeys: try reader.make(Self.adoptSealingKeys)
            }
    }

    /// A new key's id and hash are the gateway's.
    var asked: KeyAction {
        switch self {
        case .create(var key):
            key.id = KeyID(checked: "-")
            key.secretHash = .blank
            return .create(key)
        case .revoke, .rename, .adoptSealingKeys: return self
        }
    }
}

/// A fact about a key.
public enum KeyChange: Hashable, Sendable {
    case created(KeyID, role: KeyRole)
    case revoked(KeyID)
    case renamed(KeyID, String)

    /// The numbers of keys that secrets are sealed with from here on.
    case sealingKeysAdopted([UInt8])
}

extension KeyChange: ChangePart {
    enum Tag: UInt16, RecordTag {
        case created = 19
        case revoked = 20
        case renamed = 113
        case sealingKeysAdopted = 70
    }

    package func encode(into buffer: inout ByteBuffer) {
        switch self {
        case .created(let key, let role): buffer.append(Tag.created, key, role)
        case .revoked(let key): buffer.append(Tag.revoked, key)
        case .renamed(let key, let name): buffer.append(Tag.renamed, key, name)
        case .sealingKeysAdopted(let numbers): buffer.append(Tag.sealingKeysAdopted, numbers)
        }
    }

    package init(from reader: inout ByteReader) throws(MalformedRecord) {
        self =
            switch try reader.takeTag(of: Self.self) {
            case .created: try reader.make(Self.created)
            case .revoked: try reader.make(Self.revoked)
            case .renamed: try reader.make(Self.renamed)
            case .sealingKeysAdopted: try reader.make(Self.sealingKeysAdopted)
            }
    }

    var name: String {
        switch self {
        case .created: "key-created"
        case .revoked: "key-revoked"
        case .renamed: "key-renamed"
        case .sealingKeysAdopted: "sealing-keys-adopted"
        }
    }
}

/// Why something can't be done with a key.
public enum KeyRefusal: Hashable, Sendable {
    case unknown(KeyID)
}

extension KeyRefusal: RefusalPart {
    enum Tag: UInt16, RecordTag { case unknown = 5 }

    package func encode(into buffer: inout ByteBuffer) {
        switch self {
        case .unknown(let key): buffer.append(Tag.unknown, key)
        }
    }

    package init(from reader: inout ByteReader) throws(MalformedRecord) {
        self =
            switch try reader.takeTag(of: Self.self) {
            case .unknown: try reader.make(Self.unknown)
            }
    }

    public var description: String {
        switch self {
        case .unknown(let id): "there is no key \(id)"
        }
    }
}

/// An application's or operator's key to be created. Its secret is not in the books.
public struct NewKey: Hashable, Sendable {
    public internal(set) var id: KeyID
    public let name: String
    public let role: KeyRole

    /// Whose resources the key reaches; `nil`: every account's.
    public let account: AccountID?

    /// Which products the key reaches, at most `productsMaximum`; `nil`: all of the account's.
    public let products: [ProductKey]?
    public internal(set) var secretHash: SecretHash

    public static var productsMaximum: Int { 1_000 }

    public init(
        id: KeyID,
        name: String,
        role: KeyRole,
        account: AccountID?,
        products: [ProductKey]?,
        secretHash: SecretHash
    ) {
        self.id = id
        self.name = name
        self.role = role
        self.account = account
        self.products = products
        self.secretHash = secretHash
    }
}

extension NewKey: RecordField {
    package func encode(into buffer: inout ByteBuffer) {
        buffer.append(fields: id, name, role, account, products, secretHash)
    }

    package init(from reader: inout ByteReader) throws(MalformedRecord) {
        self = try reader.make(Self.init(id:name:role:account:products:secretHash:))
    }
}

/// What the holder of a key may do (Operating.md, "HTTP").
public enum KeyRole: UInt8, RecordField, Hashable, Sendable, CaseIterable {
    case owner = 1
    case `operator` = 2
    case subAccount = 3
    case application = 4

    /// Its name in the API.
    public var name: String {
        switch self {
        case .owner: "owner"
        case .operator: "operator"
        case .subAccount: "sub-account"
        case .application: "application"
        }
    }
}

/// The SHA-256 of an application's or operator's key secret: 32 bytes. The secret itself is shown
/// once and not stored.
public struct SecretHash: Hashable, Sendable {
    /// In bytes.
    public static var length: Int { 32 }

    public let bytes: [UInt8]

    /// `nil` when there are not exactly 32 bytes.
    public init?(_ bytes: [UInt8]) {
        guard bytes.count == Self.length else { return nil }
        self.bytes = bytes
    }

    private init(checked bytes: [UInt8]) { self.bytes = bytes }

    /// Stands for one that makes no difference.
    static let blank = SecretHash(checked: [UInt8](repeating: 0, count: length))
}

/// 32 bytes, without a length.
extension SecretHash: RecordField {
    package func encode(into buffer: inout ByteBuffer) { buffer.append(bytes.span) }

    package init(from reader: inout ByteReader) throws(MalformedRecord) {
        guard let bytes = reader.readBytes(Self.length), let hash = SecretHash(bytes.bytesArray)
        else { throw .malformed(what: "hash") }
        self = hash
    }
}
