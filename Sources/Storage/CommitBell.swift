import Synchronization

/// Rings after each commit of a writer, for whoever waits for news.
public final class CommitBell: Sendable {
    /// `nil` after the writer has ended.
    private let listeners = Mutex<[Int: AsyncStream<Void>.Continuation]?>([:])
    private let number = Mutex(0)

    public init() {}

    /// Rings from now on, until its consumer stops or the writer ends. Rings that come while the
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

    func ring() {
        let all = listeners.withLock { $0.map { Array($0.values) } ?? [] }
        for listener in all { listener.yield() }
    }

    func end() {
        let all = listeners.withLock { listeners in
            defer { listeners = nil }
            return listeners.map { Array($0.values) } ?? []
        }
        for listener in all { listener.finish() }
    }
}
