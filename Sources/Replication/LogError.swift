/// Why an entry was not, or not as far as is known, put into the log.
public enum AppendError: Error, Hashable, Sendable {
    /// It may be in the log, or come into it: no answer came in time, or the connection was lost. A
    /// sentence without a full stop.
    case unknown(String)

    /// It is not in the log, and won't come into it.
    case refused(String)
}

extension AppendError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .unknown(let why): "whether the log has the entry is not known: \(why)"
        case .refused(let why): "the log has not taken the entry: \(why)"
        }
    }
}

/// Why a log can't be read on.
public enum LogError: Error, Hashable, Sendable {
    /// It can't be reached; a sentence without a full stop.
    case unreachable(String)

    /// The entry at `missing` can't be had, although there are later ones: it was damaged or taken away.
    /// It is never skipped.
    case gap(missing: UInt64)

    /// The entry behind `asked` was let go of, as all nodes were taken to have applied it: the log begins at `first`.
    case truncated(first: UInt64, asked: UInt64)

    /// It does not let go of entries; a sentence without a full stop.
    case refused(String)

    /// The log ends before the position that is asked for: it was lost or set back.
    case rewound(last: UInt64, asked: UInt64)

    /// It was begun anew, from books that may be others: what is there now is not what was followed.
    case begunAnew(generation: UInt64)

    /// The log is closed.
    case closed
}

extension LogError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .unreachable(let why): "the log can't be reached: \(why)"
        case .gap(let missing):
            "entry \(missing) of the log can't be had from any of its servers, although later ones are there"
        case .truncated(let first, let asked):
            "the log begins at \(first) by now, but only \(asked) was applied"
        case .refused(let why): "the log does not let go of entries: \(why)"
        case .rewound(let last, let asked):
            "the log ends at \(last), but \(asked) was applied: it was lost or set back"
        case .begunAnew(let generation):
            "the log was begun anew: it is generation \(generation) now"
        case .closed: "the log is closed"
        }
    }
}
