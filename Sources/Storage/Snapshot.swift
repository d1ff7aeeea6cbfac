internal import Synchronization

/// A snapshot that one thread takes, right behind a commit, and another one reads.
///
/// It is held until it was read, or the last reference goes: pages that are freed meanwhile are used again only after
/// that. It takes one of the environment's reader slots.
public final class Snapshot: Sendable {
    private let transaction: Mutex<ReadTransaction?>

    /// Of the newest commit.
    public init(of environment: Environment) throws(StoreError) {
        transaction = Mutex(try ReadTransaction(in: environment))
    }

    /// Runs `body` on the snapshot, and lets go of it; once.
    public func read<Result: Sendable>(
        _ body: (borrowing ReadTransaction) throws(StoreError) -> Result
    ) throws(StoreError) -> Result {
        try transaction.withLock { (transaction) throws(StoreError) -> Result in
            guard let taken = transaction.take() else {
                preconditionFailure("a snapshot is read once")
            }
            return try body(taken)
        }
    }
}
