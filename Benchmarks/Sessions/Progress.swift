import Glibc
import Storage
import Synchronization

/// How many requests have been answered.
final class Progress: Sendable {
    private let answered = Atomic<Int>(0)

    func count(_ result: Result<Void, StoreError>) {
        if case .failure(let error) = result { preconditionFailure("\(error)") }
        answered.add(1, ordering: .releasing)
    }

    func wait(until count: Int) {
        while answered.load(ordering: .acquiring) < count { usleep(20) }
    }
}
