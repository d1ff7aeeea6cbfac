public import Linux
public import Synchronization

/// The only door onto a shard from another thread: values go in, in order, and one wake-up per batch
/// tells the shard's epoll.
public final class Mailbox<Message: Sendable>: Sendable {
    @usableFromInline let queue = Mutex<[Message]>([])
    @usableFromInline let wakeup: Wakeup

    public init() throws(Errno) { wakeup = try Wakeup() }

    /// Has `epoll` report `userData` when messages have come. They are then waited for by `drain`;
    /// nothing needs to be read or acknowledged (the event is edge-triggered).
    public func attach(to epoll: borrowing Epoll, userData: UInt64) throws(Errno) {
        try epoll.add(
            wakeup.descriptor.rawValue,
            interest: [.read, .edgeTriggered],
            userData: userData
        )
    }

    /// Puts `message` last, from any thread.
    @inlinable
    public func post(_ message: Message) {
        let wasEmpty = queue.withLock { queue in
            defer { queue.append(message) }
            return queue.isEmpty
        }
        if wasEmpty { wakeup.signal() }
    }

    /// Puts all of `messages` last, together and in order, from any thread.
    @inlinable
    public func post(contentsOf messages: some Sequence<Message>) {
        let mustWake = queue.withLock { queue in
            let wasEmpty = queue.isEmpty
            queue.append(contentsOf: messages)
            return wasEmpty && !queue.isEmpty
        }
        if mustWake { wakeup.signal() }
    }

    /// Takes all messages out, in the order they came; what `messages` held before is dropped.
    ///
    /// The two arrays change places, so a reader that always passes the same one lets both keep
    /// their memory.
    @inlinable
    public func drain(into messages: inout [Message]) {
        if !messages.isEmpty { messages.removeAll(keepingCapacity: true) }
        queue.withLock { queue in
            if !queue.isEmpty { swap(&queue, &messages) }
        }
    }
}
