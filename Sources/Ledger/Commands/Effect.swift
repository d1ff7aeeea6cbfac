/// What a command that was carried out did.
public enum Effect: Hashable, Sendable {
    /// All was already as it asked; nothing was written.
    case unchanged

    /// One change, the same that the event log shows.
    case changed(Change)

    /// The device may be connected until the entitlement's end; `consumed` says whether a code was
    /// consumed for it now.
    case entitled(Entitlement, consumed: Bool)

    /// The device's secret, to be opened and handed to it.
    case registered(SealedSecret)

    /// How many entitlements, packs or leases were closed; `more` when the limit was reached.
    case ended(count: UInt32, more: Bool)

    /// Units of a message pack, for their holder to use (rule C6).
    case leased(TopUpLease)

    /// The upgrade as it is now (rules D1 and D2).
    case upgrade(Upgrade)
}
