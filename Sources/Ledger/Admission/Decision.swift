public import Time

/// What the books say to a device that wants to be, or stay, connected.
public enum Decision: Hashable, Sendable {
    /// It may be connected until then; nothing has to be written.
    case admit(until: Timestamp)

    /// It may be connected until then, but the books have to register it again, or count it as active
    /// again, first (rule B8): submit `activate`. Consumes nothing.
    case readmit(until: Timestamp)

    /// A code has to be consumed first: submit `activate`, which may find no code left (rule B3).
    case consume(ActivationCause)

    /// It must not be connected.
    case refuse(Refusal)
}
