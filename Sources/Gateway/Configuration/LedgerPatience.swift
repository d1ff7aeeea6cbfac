/// How long who waits for the ledger is kept waiting. It answers within a commit; in a cluster whose log has no majority
/// it does not, until that is back. The command is not taken back: it may be carried out later.
package struct LedgerPatience: Equatable, Sendable {
    /// A CONNECT that needs the ledger. Longer than the log takes to change its leader. Unit: milliseconds.
    package var connectMilliseconds: Int64 = 20_000

    /// A request of the API. Unit: milliseconds.
    package var requestMilliseconds: Int64 = 30_000

    package init() {}
}
