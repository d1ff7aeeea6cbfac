/// Where a leaping scan goes after a record.
public enum Leap: Sendable {
    /// To the next key.
    case next

    /// To the first key at or after the one that was written, which must be after this one.
    case toTarget

    case stop
}
