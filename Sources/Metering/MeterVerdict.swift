/// What became of a message's units.
public enum MeterVerdict: Equatable, Sendable {
    /// The units are counted.
    case counted

    /// The units would have crossed the day's allowance: nothing is counted (rule C3). `isFirst` once
    /// per device and day, for the one notice that rule C4 asks for.
    case exhausted(isFirst: Bool)
}
