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
