internal import Synchronization

extension GroupWriter {
    /// Writes one request and blocks until it is on disk: for a thread that has nothing else to do.
    public func write(_ request: Request) throws(StoreError) -> Reply {
        let answer = Answer<Reply>()
        submit(request) { answer.give($0) }
        return try answer.wait().get()
    }
}

/// Where one thread waits for what another has to say.
private final class Answer<Reply: Sendable>: Sendable {
    private let result = Mutex<Result<Reply, StoreError>?>(nil)
    private let semaphore = Semaphore()

    func give(_ result: Result<Reply, StoreError>) {
        self.result.withLock { $0 = result }
        semaphore.signal()
    }

    func wait() -> Result<Reply, StoreError> {
        semaphore.wait()
        guard let result = result.withLock({ $0 }) else {
            preconditionFailure("the answer comes before the signal")
        }
        return result
    }
}
