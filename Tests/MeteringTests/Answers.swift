import Glibc
import Storage
import Synchronization

/// What a usage store answered, by the batches' numbers.
final class Answers: Sendable {
    private let answered = Mutex<[(number: UInt64, isWritten: Bool)]>([])
    private let expected = Mutex(0)

    /// To be called before a batch is submitted.
    func expect() { expected.withLock { $0 += 1 } }

    func note(_ number: UInt64, _ result: Result<Void, StoreError>) {
        let isWritten = if case .success = result { true } else { false }
        answered.withLock { $0.append((number, isWritten)) }
    }

    /// Waits until all are there, for at most a minute.
    func wait() {
        let count = expected.withLock { $0 }
        for _ in 0..<600_000 {
            if answered.withLock({ $0.count }) == count { return }
            usleep(100)
        }
    }

    var all: [(number: UInt64, isWritten: Bool)] { answered.withLock { $0 } }
}
