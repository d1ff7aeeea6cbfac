/// What a command does with OTA upgrades of a device (rules D1 and D2).
public enum UpgradeAction: Hashable, Sendable {
    /// Asks for admission, and pays: the month's allowance first, the rest from the account's OTA
    /// packs, all or nothing. The device must be registered and enabled, and its entitlement must
    /// run: the allowance is part of what its code gives. The same request again changes nothing and
    /// is answered `repeated`, until the upgrade is reported; then another id is needed.
    case request(DeviceIdentity, UpgradeID, UpgradeSize)

    /// The outcome; also when the device or its product were deleted meanwhile. A failed upgrade
    /// gives its attempts back to where they came from: the allowance of its month, which may be
    /// over, and the packs, which may have expired. The same report again changes nothing.
    case report(DeviceIdentity, UpgradeID, succeeded: Bool)
}
