/// What the devices say that the indexes should have.
struct DeviceTally {
    var seen = 0

    /// Whose entitlement is open.
    var open = 0
    var disabled = 0
    var pastPeriods = 0

    /// Entries of the history.
    var entries = 0
}
