/// Some of the retained messages that match a filter.
public struct RetainedPage: Sendable {
    public internal(set) var messages: [Message] = []

    /// Where to go on; `nil` when there are no more. May be there when `messages` is empty.
    public internal(set) var next: RetainedCursor?
}

/// A place among the retained topics, good for the filter that it was given for, whatever is
/// retained or deleted meanwhile.
public struct RetainedCursor: Sendable, Equatable {
    /// The least key that has not been looked at.
    let start: [UInt8]
}

/// How much one page does at most.
public struct RetainedPageLimits: Sendable {
    public let messages: Int

    /// Of topics, payloads and properties; a page's first message may be larger.
    public let bytes: Int

    /// Keys that are looked at, whether they match or not: one takes about a microsecond.
    public let steps: Int

    public init(messages: Int, bytes: Int, steps: Int) {
        precondition(messages > 0 && bytes > 0 && steps > 0, "a page without a message")
        self.messages = messages
        self.bytes = bytes
        self.steps = steps
    }
}
