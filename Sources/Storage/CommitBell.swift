import Synchronization

/// Rings after commits, for tasks that wait for them.
public final class CommitBell: Sendable {
    /// `nil` after the end.
    private let listeners = Mutex<[Int: AsyncStream<Void>.Continuation]?>([:])
    private let number = Mutex(0)

    public init() {}

    /// Rings from now on, until its consumer stops or `end` is called. Rings that come while the
    /// consumer is busy are one ring.
    public func rings() -> AsyncStream<Void> {
        let (stream, continuation) = AsyncStream.makeStream(
            of: Void.self, bufferingPolicy: .bufferingNewest(1))
        let key = number.withLock { number in
            number += 1
            return number
        }
        let isOpen = listeners.withLock { listeners in
            listeners?[key] = continuation
            return listeners != nil
        }
        guard isOpen else {
            continuation.finish()
            return stream
        }
        continuation.onTermination = { [weak self] _ in
            self?.listeners.withLock { listeners in _ = listeners?.removeValue(forKey: key) }
        }
        return stream
    }

    public func ring() {
        let all = listeners.withLock { $0.map { Array($0.values) } ?? [] }
        for listener in all { listener.yield() }
    }

    /// Ends all that was and will be asked for.
    public func end() {
        let all = listeners.withLock { listeners in
            defer { listeners = nil }
            return listeners.map { Array($0.values) } ?? []
        }
        for listener in all { listener.finish() }
    }
}
