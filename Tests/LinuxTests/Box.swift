import Synchronization

/// A text that two threads share.
final class Box: Sendable {
    private let text = Mutex("")

    func set(_ value: String) { text.withLock { $0 = value } }

    func get() -> String { text.withLock { $0 } }
}
