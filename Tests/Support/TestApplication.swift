public import Ledger

/// An application key that the gateway of a test knows, with its secret.
public struct TestApplication: Hashable, Sendable {
    public let key: KeyID
    public let secret: String

    public init(key: KeyID, secret: String) {
        self.key = key
        self.secret = secret
    }
}
