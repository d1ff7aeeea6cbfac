public import Gateway
public import Ledger

/// A device that the gateway of a test knows, with what it needs to prove itself.
public struct TestDevice: Hashable, Sendable {
    public let identity: DeviceIdentity
    public let secret: Secret

    public init(identity: DeviceIdentity, secret: Secret) {
        self.identity = identity
        self.secret = secret
    }

    /// The row that imports it, its secret sealed.
    public func row(with keys: SecretKeys) throws -> DeviceImport {
        DeviceImport(device: identity.device, secret: try keys.seal(secret, for: identity))
    }

    /// `d/{PK}/{DK}/`
    public var topicPrefix: String { "d/\(identity.product)/\(identity.device)/" }

    /// `d/{PK}/{DK}/up/{rest}`
    public func up(_ rest: String = "data") -> String { "\(topicPrefix)up/\(rest)" }

    /// `d/{PK}/{DK}/down/{rest}`
    public func down(_ rest: String = "set") -> String { "\(topicPrefix)down/\(rest)" }

    /// `d/{PK}/{DK}/sys/{rest}`
    public func sys(_ rest: String) -> String { "\(topicPrefix)sys/\(rest)" }
}
