/// Lets the first lines of each second pass, by kind and reason, and counts the rest: a flood is a few lines
/// and "and N more".
struct LogSampler {
    /// Of one kind and reason.
    static let linesPerSecond = 10

    private struct Window {
        var second: Int64 = .min
        var passed = 0
        var held = 0

        /// The latest that was held back, without its particulars.
        var latest: LogRecord.Event?
    }

    private var windows = [Window](repeating: Window(), count: LogRecord.Event.sampleKeyCount)
    private var heldKeys: [Int] = []

    /// Whether something was held back that has not been told yet.
    var isHolding: Bool { !heldKeys.isEmpty }

    /// Whether the record is written now; if not, it is among the "and N more" of its second.
    mutating func takes(_ event: LogRecord.Event, at second: Int64) -> Bool {
        let key = event.sampleKey
        if windows[key].second != second {
            windows[key].second = second
            windows[key].passed = 0
        }
        guard windows[key].passed >= Self.linesPerSecond else {
            windows[key].passed += 1
            return true
        }
        if windows[key].held == 0 { heldKeys.append(key) }
        windows[key].held += 1
        windows[key].latest = event
        return false
    }

    /// What was held back in seconds before `second`, a line for each kind and reason.
    mutating func summaries(before second: Int64) -> [LogLine] {
        var lines: [LogLine] = []
        heldKeys.removeAll { key in
            guard windows[key].second < second, let latest = windows[key].latest else {
                return false
            }
            let line = LogRecord(event: latest).line
            lines.append(
                LogLine(
                    level: line.level,
                    message: "\(line.message), and \(windows[key].held) more",
                    fields: line.fields.filter { $0.name == "reason" }
                )
            )
            windows[key].held = 0
            return true
        }
        return lines
    }
}
