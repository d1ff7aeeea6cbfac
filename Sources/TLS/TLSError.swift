/// Why a context could not be built, or why a session ended.
public struct TLSError: Error, Sendable, Equatable, CustomStringConvertible {
    /// What kind of failure it is.
    public let reason: TLSErrorReason

    /// What was being done, as a sentence without its full stop.
    public let attempt: String

    /// The file concerned, if one is.
    public let file: String?

    /// OpenSSL's error stack, the oldest entry first, as ERR_error_string_n(3) prints each.
    public let stack: [String]

    public var description: String {
        var text = attempt
        if let file { text += " (\(file))" }
        text += ": \(reason)"
        for entry in stack { text += "; \(entry)" }
        return text
    }
}

extension TLSError {
    init(reason: TLSErrorReason, attempt: String, file: String? = nil) {
        self.init(reason: reason, attempt: attempt, file: file, stack: [])
    }

    /// A failure whose particulars are on the thread's error queue, which is emptied. `reason` is
    /// what it is unless `classify` knows better by the queue.
    static func drained(
        _ attempt: String,
        file: String? = nil,
        reason: TLSErrorReason,
        classify: (ErrorStack) -> TLSErrorReason? = { _ in nil }
    ) -> TLSError {
        let stack = ErrorStack.drain()
        return TLSError(
            reason: classify(stack) ?? reason,
            attempt: attempt,
            file: file,
            stack: stack.lines
        )
    }
}
