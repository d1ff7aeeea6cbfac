import Bytes

/// How much of an import one command carries: it has to fit into an envelope of the replicated log, and a gateway
/// that is alone makes no larger ones either.
extension ImportAction {
    /// Of the rows together, in bytes. What else a command has (its actor, a key, the product) is less than a
    /// kilobyte.
    public static var rowsMaximumBytes: Int { Envelope.maximumBytes - 16 * 1_024 }
}

extension [DeviceImport] {
    /// Whether one command can carry all of them.
    public var fitOneCommand: Bool {
        var buffer = ByteBuffer()
        for row in self {
            row.encode(into: &buffer)
            if buffer.count > ImportAction.rowsMaximumBytes { return false }
        }
        return true
    }
}

extension [ImportLine] {
    /// In order, cut where one command can't carry more, or has as many rows as that.
    public func steps(ofRows maximumRows: Int) -> [[ImportLine]] {
        precondition(maximumRows > 0, "a step without a row")
        var steps: [[ImportLine]] = []
        var step: [ImportLine] = []
        var bytes = 0
        var buffer = ByteBuffer()
        for row in self {
            buffer.removeAll()
            row.encode(into: &buffer)
            bytes += buffer.count
            if step.count == maximumRows
                || (bytes > ImportAction.rowsMaximumBytes && !step.isEmpty)
            {
                steps.append(step)
                step.removeAll()
                bytes = buffer.count
            }
            step.append(row)
        }
        if !step.isEmpty { steps.append(step) }
        return steps
    }
}
