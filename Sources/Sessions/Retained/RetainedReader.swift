public import Storage
public import Time

/// One thread's way to look retained messages up: a cached transaction. It sees what is committed.
public struct RetainedReader: ~Copyable {
    private var reader: CachedReader
    private let messages: RetainedMessages

    init(_ reader: consuming CachedReader, _ messages: RetainedMessages) {
        self.reader = reader
        self.messages = messages
    }

    /// Some of the messages whose topics match; see `RetainedMessages.page`.
    ///
    /// - Parameters:
    ///   - filter: valid, without `$share/{name}/`.
    ///   - start: where an earlier page ended.
    public mutating func page(
        matching filter: Span<UInt8>,
        from start: RetainedCursor? = nil,
        limits: RetainedPageLimits,
        now: Timestamp
    ) throws(StoreError) -> RetainedPage {
        let messages = messages
        return try reader.withTransaction { transaction throws(StoreError) in
            try messages.page(
                matching: filter, from: start, limits: limits, now: now, in: transaction)
        }
    }
}
