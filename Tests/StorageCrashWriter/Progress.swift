import Glibc
import Storage
import Synchronization

/// How many requests a writer has answered, and its newest error.
final class Progress: Sendable {
    private let answered = Atomic<Int64>(0)
    private let newestFailure = Mutex<StoreError?>(nil)

    var failure: StoreError? { newestFailure.withLock { $0 } }

    func didAnswer(_ result: Result<Int64, StoreError>) {
        if case .failure(let error) = result { newestFailure.withLock { $0 = error } }
        answered.add(1, ordering: .releasing)
    }

    func wait(untilAnswered count: Int64) {
        while answered.load(ordering: .acquiring) < count { usleep(50) }
    }
}
