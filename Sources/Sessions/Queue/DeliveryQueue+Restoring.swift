extension DeliveryQueue {
    /// The queue of a session that comes from the store: all that is in it waits, or is released.
    ///
    /// What the store knows to have been sent is a duplicate, and has been counted. Of a session that
    /// was connected when its process ended, more may have been sent than the store was told in time:
    /// all of it may be a duplicate, and what is in doubt is counted now, as a process that ends so
    /// suddenly has not brought its last counts to disk either.
    public init(restoring session: StoredSession, limit: UInt16) {
        self.init(keepsSent: true, limit: limit)
        let wasConnected = session.record.endedAt == nil
        for (sequence, record) in session.queue {
            let isSent = sequence < session.sentBelow
            switch record {
            case .message(let content):
                add(
                    Entry(
                        sequence: sequence,
                        isExactlyOnce: content.isExactlyOnce,
                        content: content,
                        state: .waiting,
                        isDuplicate: isSent || wasConnected,
                        isCharged: isSent
                    )
                )
            case .released:
                add(
                    Entry(
                        sequence: sequence,
                        isExactlyOnce: true,
                        state: .released,
                        isDuplicate: true,
                        isCharged: true
                    )
                )
                inFlightCount += 1
            }
        }
        nextSequence = max(session.sentBelow, entries.last.map { $0.sequence + 1 } ?? 0)
    }
}
