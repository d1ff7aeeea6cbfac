/// What became of the wish for units past an allowance (rule C6).
public enum TopUpVerdict: Equatable, Sendable {
    /// They are here, and taken when they were drawn: count them.
    case drawn

    /// There may be more: try again when something has changed.
    case wait

    /// There are none, here or elsewhere.
    case nothingLeft
}
