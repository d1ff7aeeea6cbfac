/// An account's codes of one package, as batches, ranges and lots say.
struct CodeTally {
    var bought: UInt64 = 0
    var granted: UInt64 = 0
    var unassigned: UInt64 = 0
    var assigned: UInt64 = 0
}
