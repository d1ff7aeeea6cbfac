/// A device's count of one day, and how much of it the store has.
///
/// Counts are absolute, so only the last batch that carried a count matters: once that one is
/// written, the store has it, whatever became of those before.
struct Tally {
    var usage: DayUsage

    /// Changed since a batch carried it last.
    var isDirty = false

    /// The last batch that carried it, until the store has answered; 0 then.
    var batchUnderWay: UInt64 = 0

    /// Whether the store has confirmed all of it.
    var isSettled: Bool { !isDirty && batchUnderWay == 0 }

    /// The store's answer for the last batch that carried it. True when the count has to go again and
    /// was not dirty before.
    mutating func settle(isWritten: Bool) -> Bool {
        batchUnderWay = 0
        if isWritten || isDirty { return false }
        isDirty = true
        return true
    }
}
