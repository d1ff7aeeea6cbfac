public import Gateway
public import Ledger

/// A product that the gateway of a test knows.
public struct TestProduct: Hashable, Sendable {
    public let key: ProductKey
    public let secret: Secret
    public let account: AccountID
    public let package: PackageID

    /// The identity of a device of that name, known or not. Traps when it is no DeviceKey.
    public func identity(_ device: String) -> DeviceIdentity {
        guard let device = DeviceKey(device) else { preconditionFailure("not a DeviceKey") }
        return DeviceIdentity(product: key, device: device)
    }
}
