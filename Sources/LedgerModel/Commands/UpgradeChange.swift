/// A fact about one OTA upgrade, as the event log keeps it (rules D1, D2 and E3). What it took from
/// packs, or gave back to them, is in an event of each pack.
public struct UpgradeChange: Hashable, Sendable {
    public let identity: DeviceIdentity
    public let id: UpgradeID
    public let entry: Entry

    public init(identity: DeviceIdentity, id: UpgradeID, entry: Entry) {
        self.identity = identity
        self.id = id
        self.entry = entry
    }

    public enum Entry: Hashable, Sendable {
        case requested(UpgradeSize, fromAllowance: UInt64, fromPacks: UInt64)
        case reported(succeeded: Bool)
    }

    /// Its name in the API.
    public var name: String {
        switch entry {
        case .requested: "upgrade-requested"
        case .reported(succeeded: true): "upgrade-succeeded"
        case .reported(succeeded: false): "upgrade-failed"
        }
    }
}
