/// What may be in one session's queue: messages that wait, and those that are not acknowledged yet.
public struct QueueLimits: Hashable, Sendable {
    public var messages: Int
    public var bytes: Int

    public init(messages: Int, bytes: Int) {
        self.messages = messages
        self.bytes = bytes
    }
}
