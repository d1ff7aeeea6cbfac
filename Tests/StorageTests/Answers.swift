import Glibc
import Storage
import Synchronization

/// What a writer answered, in the order it did.
final class Answers<Reply: Sendable>: Sendable {
    private let results = Mutex<[(Int, Result<Reply, StoreError>)]>([])

    /// A completion that notes the answer to the request of that number.
    func note(_ request: Int) -> @Sendable (Result<Reply, StoreError>) -> Void {
        { result in self.results.withLock { $0.append((request, result)) } }
    }

    /// The requests answered, oldest first.
    var order: [Int] { results.withLock { $0.map(\.0) } }

    func failure(of request: Int) -> StoreError? {
        results.withLock { results in
            for (number, result) in results where number == request {
                if case .failure(let error) = result { return error }
            }
            return nil
        }
    }

    /// Waits until so many have been answered, for at most a minute.
    func wait(for count: Int) -> Bool {
        for _ in 0..<60_000 {
            if results.withLock({ $0.count }) >= count { return true }
            usleep(1_000)
        }
        return false
    }
}
