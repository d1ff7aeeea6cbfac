/// What became of a message's units.
public enum MeterVerdict: Equatable, Sendable {
    /// The units are counted.
    case counted

    /// So many of the units are past the day's allowance, and nothing is counted yet: they are to be
    /// had from a top-up pack (rule C6), or the message is refused whole (rule C3).
    case short(UInt32)
}
