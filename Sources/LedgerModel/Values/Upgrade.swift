/// An OTA upgrade, with its place in the books.
public struct Upgrade: Hashable, Sendable {
    public let identity: DeviceIdentity
    public let id: UpgradeID
    public let record: UpgradeRecord

    public init(identity: DeviceIdentity, id: UpgradeID, record: UpgradeRecord) {
        self.identity = identity
        self.id = id
        self.record = record
    }
}
