public import Bytes
public import Encoding

/// An application's or operator's key to be created. Its secret stays with whoever made it.
public struct NewKey: Hashable, Sendable {
    public let id: KeyID
    public let name: String
    public let role: KeyRole

    /// Whose resources the key reaches; `nil`: every account's.
    public let account: AccountID?

    /// Which products the key reaches; `nil`: all of the account's.
    public let products: [ProductKey]?
    public let secretHash: SecretHash

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

/// The parts in order, within the bytes of an action.
extension NewKey: StorageRecord {
    public func encode(into buffer: inout ByteBuffer) {
        buffer.append(id)
        buffer.append(text: name)
        buffer.append(case: role)
        buffer.append(optional: account)
        buffer.append(optional: products) { $0.append(list: $1) { $0.append($1) } }
        buffer.append(secretHash)
    }

    public init(decoding reader: inout ByteReader) throws(MalformedRecord) {
        self.init(
            id: try reader.take(KeyID.self),
            name: try reader.takeText(),
            role: try reader.take(case: KeyRole.self),
            account: try reader.takeOptional(AccountID.self),
            products: try reader.takeOptionalProducts(),
            secretHash: try reader.takeSecretHash()
        )
    }
}

/// What the holder of a key may do (interfaces.md, "HTTP").
public enum KeyRole: UInt8, Hashable, Sendable, CaseIterable {
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
}
