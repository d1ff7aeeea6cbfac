import Synchronization

/// Carries something that has one owner (a descriptor, a session) through a mailbox: the first to take
/// it owns it. What is not taken goes with the parcel.
public final class Parcel<Content: ~Copyable>: Sendable {
    private let content: Mutex<Content?>

    /// Packs `content`, which the sender must have no other way to reach.
    public init(_ content: consuming sending Content) { self.content = Mutex(content) }

    /// Hands the content over; `nil` when it was taken before.
    public func take() -> sending Content? {
        content.withLock { content in content.take() }
    }
}
