public import Time

/// What a device's next upgrade can be paid with, in attempts (rules D1 and D2).
public struct UpgradeAllowance: Hashable, Sendable {
    /// The calendar month at the product's offset.
    public let month: Month

    /// The package's, for the whole month; 0 without a package.
    public let allowance: UInt64

    /// Of the allowance; upgrades that failed have given theirs back.
    public let used: UInt64

    /// In the account's OTA packs that have not expired, for all its devices together.
    public let inPacks: UInt64

    /// Of the allowance.
    public var left: UInt64 { allowance - min(used, allowance) }
}
