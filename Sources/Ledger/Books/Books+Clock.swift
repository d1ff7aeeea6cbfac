public import Storage
public import Time

/// What time it is to the books (rule B16).
public struct BooksTime: Hashable, Sendable {
    /// The clock's, or, while that is doubted, the last that the books are sure of.
    public let time: Timestamp
    public let doubt: ClockDoubt?
}

/// Rule B16: no clock that was set wrong consumes codes.
///
/// The books know how far time has come: each event that they believe, and each sign of life of a
/// gateway, takes it along. A time before that, or too far ahead of it, is doubted, and taken for the
/// last that is known: what runs then is served, and nothing is consumed.
extension Books {
    /// How far a time may be before the last known one: commands of several threads are not in the
    /// order of their clocks.
    static var clockToleranceMilliseconds: Int64 { 3_000 }

    /// How the books see `time`.
    public func time(
        at time: Timestamp,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> BooksTime {
        try head(in: transaction).time(at: time)
    }

    /// How far ahead of the last sign of life a clock may be, in milliseconds; `nil` when clocks are
    /// not looked at.
    public func clockLimit(
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> UInt64? {
        let head = try head(in: transaction)
        return head.knownTime == nil ? nil : head.clockAheadMilliseconds
    }

    func carryOut(
        _ action: ClockAction,
        _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Outcome {
        switch action {
        case .beat(let ahead, let elapsed):
            try beat(ahead, elapsed, command, in: transaction)
        case .confirm: try confirmClock(command, in: transaction)
        }
    }

    /// Writes no event: it changes nothing that the books say.
    private func beat(
        _ ahead: UInt64,
        _ elapsed: UInt64,
        _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Outcome {
        var head = try head(in: transaction)
        let before = head
        head.clockAheadMilliseconds = ahead
        if ahead == 0 {
            head.knownTime = nil
        } else if let known = head.knownTime {
            let (limit, isOverflown) = ahead.addingReportingOverflow(elapsed)
            if let doubt = ClockDoubt(
                of: command.at, known: known,
                aheadMilliseconds: isOverflown ? .max : limit)
            {
                return .refused(.clock(doubt))
            }
            head.knownTime = max(known, command.at)
        } else {
            // The first one: what the books know so far is their last event.
            let last = try events.get(head.lastSequence, in: transaction)?.at
            head.knownTime = max(last ?? command.at, command.at)
        }
        if head != before { try books.put(Self.headKey, head, in: transaction) }
        return .done(.unchanged)
    }

    private func confirmClock(
        _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Outcome {
        var head = try head(in: transaction)
        let known = head.knownTime
        if known != nil {
            head.knownTime = command.at
            try books.put(Self.headKey, head, in: transaction)
        }
        return .done(try record(.clock(.confirmed(before: known)), command, in: transaction))
    }
}

extension ClockDoubt {
    /// `nil` when the time is near enough to the last known one.
    public init?(of time: Timestamp, known: Timestamp, aheadMilliseconds: UInt64) {
        if time.adding(milliseconds: Books.clockToleranceMilliseconds) < known {
            self = .behind(known: known)
        } else if time > known,
            time.milliseconds(since: known).magnitude > aheadMilliseconds
        {
            self = .ahead(known: known)
        } else {
            return nil
        }
    }
}

extension BooksRecord {
    func time(at time: Timestamp) -> BooksTime {
        guard let knownTime,
            let doubt = ClockDoubt(
                of: time, known: knownTime, aheadMilliseconds: clockAheadMilliseconds)
        else { return BooksTime(time: time, doubt: nil) }
        return BooksTime(time: knownTime, doubt: doubt)
    }

    /// An event of that time: what is believed takes the known time along.
    mutating func note(_ time: Timestamp) {
        if let knownTime, self.time(at: time).doubt == nil {
            self.knownTime = max(knownTime, time)
        }
    }
}
