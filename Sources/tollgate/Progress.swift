import Foundation

/// A line on standard error that tells how far something is: on a terminal the same line again and
/// again, elsewhere a new one now and then.
struct Progress {
    private static let isTerminal = isatty(STDERR_FILENO) == 1
    private var nextLine = ContinuousClock.now + .seconds(5)
    private var width = 0

    mutating func show(_ text: String) {
        if Self.isTerminal {
            let padding = String(repeating: " ", count: max(0, width - text.count))
            write("\r\(text)\(padding)")
            width = text.count
        } else if ContinuousClock.now >= nextLine {
            nextLine = ContinuousClock.now + .seconds(5)
            write("\(text)\n")
        }
    }

    /// What comes next begins on a line of its own.
    mutating func end() {
        if width > 0 { write("\n") }
        width = 0
    }

    private func write(_ text: String) {
        FileHandle.standardError.write(Data(text.utf8))
    }
}
