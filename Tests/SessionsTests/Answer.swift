import Glibc
import Storage
import Synchronization

/// What a store answers, waited for.
final class Answer: Sendable {
    private let result = Mutex<Result<Void, StoreError>?>(nil)

    func set(_ answer: Result<Void, StoreError>) { result.withLock { $0 = answer } }

    func wait() throws(StoreError) {
        while true {
            if let result = result.withLock({ $0 }) { return try result.get() }
            usleep(100)
        }
    }
}
