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

    /// The number that names the import.
    case importBegun(UInt64)

    /// The idempotency key was used before: whether by the same file, the commit will say.
    case importKnown

    /// How many rows the import has by now.
    case staged(rows: UInt64)

    /// How many rows of imports left the table of arrivals; `more` when there are others.
    case moved(count: UInt32, more: Bool)

    /// Units of a message pack, for their holder to use (rule C6).
    case leased(TopUpLease)

    /// The upgrade as it is now (rules D1 and D2).
    case upgrade(Upgrade)
}
