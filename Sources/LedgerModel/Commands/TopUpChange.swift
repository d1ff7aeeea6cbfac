/// A fact about one top-up pack, as the event log keeps it (rules C6 and E3).
public struct TopUpChange: Hashable, Sendable {
    public let pack: TopUpPlace
    public let entry: Entry

    public init(pack: TopUpPlace, entry: Entry) {
        self.pack = pack
        self.entry = entry
    }

    public enum Entry: Hashable, Sendable {
        case entered(TopUpSource, quantity: UInt64)
        case leased(lease: UInt64, units: UInt64, holder: LeaseHolder)

        /// `returned`: the lease's units that were not used.
        case settled(lease: UInt64, used: UInt64, returned: UInt64)

        /// The holder was gone; all units of its lease count as used.
        case abandoned(lease: UInt64, units: UInt64)

        /// Attempts of an upgrade (rule D1).
        case deducted(units: UInt64, DeviceIdentity, UpgradeID)

        /// Attempts of an upgrade that failed (rule D2).
        case returned(units: UInt64, DeviceIdentity, UpgradeID)

        /// Nobody had used them when the pack expired.
        case expired(units: UInt64)
    }

    /// Its name in the API.
    public var name: String {
        switch entry {
        case .entered(.purchase, _): "top-up-bought"
        case .entered(.gift, _): "top-up-given"
        case .leased: "top-up-leased"
        case .settled: "top-up-settled"
        case .abandoned: "top-up-abandoned"
        case .deducted: "top-up-deducted"
        case .returned: "top-up-returned"
        case .expired: "top-up-expired"
        }
    }

    /// What it is in the account's list of changes; `nil` for what only moves units between the pack
    /// and a holder.
    public var movement: (kind: TopUpMovement.Kind, units: UInt64)? {
        switch entry {
        case .entered(.purchase, let quantity): (.purchase, quantity)
        case .entered(.gift, let quantity): (.gift, quantity)
        case .leased: nil
        case .settled(_, let used, _): used > 0 ? (.deduction, used) : nil
        case .abandoned(_, let units): (.deduction, units)
        case .deducted(let units, _, _): (.deduction, units)
        case .returned(let units, _, _): (.giveBack, units)
        case .expired(let units): (.expiry, units)
        }
    }
}
