import Time

/// What upgrades that were not given back took, summed on the way through all of them.
struct UpgradeTally {
    private(set) var identity: DeviceIdentity?

    /// Of this device's allowances.
    private(set) var months: [Month: UInt64] = [:]
    private(set) var drawn: [TopUpPlace: UInt64] = [:]
    private(set) var upgrades = 0
    private var usedMonthsBefore = 0

    /// Months of all devices so far with attempts of their allowance used.
    var usedMonths: Int { usedMonthsBefore + months.values.count { $0 > 0 } }

    mutating func begin(_ identity: DeviceIdentity) {
        usedMonthsBefore = usedMonths
        months = [:]
        self.identity = identity
    }

    /// Wraps around rather than traps: what is counted may be damaged.
    mutating func count(_ record: UpgradeRecord) {
        upgrades += 1
        let isPaid = record.state != .failed
        months[record.month, default: 0] &+= isPaid ? record.fromAllowance : 0
        for draw in record.draws where isPaid { drawn[draw.pack, default: 0] &+= draw.units }
    }
}
