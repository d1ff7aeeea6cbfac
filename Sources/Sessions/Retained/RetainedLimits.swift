/// How much can be retained.
public struct RetainedLimits: Sendable {
    public let messages: Int

    /// Of topics, payloads and properties.
    public let bytes: Int

    public init(messages: Int, bytes: Int) {
        self.messages = messages
        self.bytes = bytes
    }

    func allow(_ totals: RetainedTotals) -> Bool {
        totals.messages <= messages && totals.bytes <= bytes
    }
}
