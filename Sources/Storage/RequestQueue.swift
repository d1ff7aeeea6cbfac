internal import Synchronization

/// What waits for the writer: many threads append, one takes all.
final class RequestQueue<Request: Sendable, Reply: Sendable>: Sendable {
    typealias Pending = PendingRequest<Request, Reply>

    private struct State {
        var waiting: [Pending] = []
        var isClosed = false
        var isWriterAsleep = false
    }

    private let state = Mutex(State())
    private let wakeUp = Semaphore()
    private let maximumCount: Int

    init(maximumCount: Int) { self.maximumCount = maximumCount }

    var count: Int { state.withLock { $0.waiting.count } }

    /// Takes the request, or says why not.
    func append(_ pending: Pending) -> StoreError? {
        let (refusal, mustWake) = state.withLock { state -> (StoreError?, Bool) in
            if state.isClosed { return (.shutDown, false) }
            if state.waiting.count >= maximumCount { return (.queueFull, false) }
            state.waiting.append(pending)
            defer { state.isWriterAsleep = false }
            return (nil, state.isWriterAsleep)
        }
        if mustWake { wakeUp.signal() }
        return refusal
    }

    /// No more requests; what waits will still be taken.
    func close() {
        let mustWake = state.withLock { state in
            state.isClosed = true
            defer { state.isWriterAsleep = false }
            return state.isWriterAsleep
        }
        if mustWake { wakeUp.signal() }
    }

    /// Adds all that waits to `taken`. When that makes nothing, sleeps until there is something;
    /// false when the queue is closed and there is nothing left.
    func take(into taken: inout [Pending]) -> Bool {
        while true {
            let isOver = state.withLock { state -> Bool? in
                if taken.isEmpty {
                    swap(&state.waiting, &taken)
                } else {
                    taken.append(contentsOf: state.waiting)
                    state.waiting.removeAll(keepingCapacity: true)
                }
                if !taken.isEmpty { return false }
                if state.isClosed { return true }
                state.isWriterAsleep = true
                return nil
            }
            if let isOver { return !isOver }
            wakeUp.wait()
        }
    }
}
