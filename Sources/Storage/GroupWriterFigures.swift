/// What a `GroupWriter` has done since it started, for metrics and readiness.
public struct GroupWriterFigures: Hashable, Sendable {
    /// Transactions committed, and requests written in them: their quotient is the mean batch.
    public internal(set) var commits = 0
    public internal(set) var requestsWritten = 0

    /// Requests answered with an error.
    public internal(set) var requestsFailed = 0

    /// Requests in the largest transaction.
    public internal(set) var largestBatch = 0

    /// Requests that wait for the transaction under way to end.
    public internal(set) var waiting = 0

    /// Why the newest request to fail did; nil as soon as a commit passes again.
    public internal(set) var failure: StoreError?
}
