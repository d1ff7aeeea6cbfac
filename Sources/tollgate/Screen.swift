import Glibc
import Synchronization

/// The whole of a terminal, drawn again and again, and its keys. The terminal is as before when it is left.
final class Screen: Sendable {
    /// How the terminal was; `nil`: standard input is none, or the screen was left.
    private let before: Mutex<termios?>
    private let hasLeft = Mutex(false)
    private let hasKeys: Bool

    init() {
        var settings = termios()
        // Safe: both calls read or fill the structure, which is ours.
        hasKeys = unsafe tcgetattr(STDIN_FILENO, &settings) == 0
        before = Mutex(hasKeys ? settings : nil)
        if hasKeys {
            // Keys come one by one, are not shown, and Ctrl-C is one of them.
            settings.c_lflag &= ~tcflag_t(ICANON | ECHO | ISIG)
            _ = unsafe tcsetattr(STDIN_FILENO, TCSANOW, &settings)
        }
        // The other screen, and no cursor.
        try? Output.draw("\u{1B}[?1049h\u{1B}[?25l")
    }

    /// Each line is as long as the terminal is wide, at most, and printable.
    func draw(_ lines: [String], columns: Int) throws(Failure) {
        let text = lines.map { TextWidth.shortened($0, to: columns) + "\u{1B}[K" }
            .joined(separator: "\r\n")
        try Output.draw("\u{1B}[H\(text)\u{1B}[J")
    }

    /// Waits; true as soon as q or Ctrl-C is typed.
    func waitsForEnd(seconds: Double) async -> Bool {
        let end = ContinuousClock.now + .seconds(seconds)
        while ContinuousClock.now < end {
            if hasKeys, isEndTyped() { return true }
            try? await Task.sleep(for: .milliseconds(50))
        }
        return false
    }

    private func isEndTyped() -> Bool {
        var poll = pollfd(fd: STDIN_FILENO, events: Int16(POLLIN), revents: 0)
        // Safe: `poll` reads and writes one structure, `read` one byte, both ours.
        while unsafe Glibc.poll(&poll, 1, 0) > 0 {
            var byte: UInt8 = 0
            guard unsafe read(STDIN_FILENO, &byte, 1) == 1 else { return true }
            // Ctrl-C is 3.
            if [UInt8(ascii: "q"), UInt8(ascii: "Q"), 3].contains(byte) { return true }
        }
        return false
    }

    /// Gives the terminal back. A second call does nothing.
    func leave() {
        let isFirst = hasLeft.withLock { hasLeft in
            defer { hasLeft = true }
            return !hasLeft
        }
        guard isFirst else { return }
        try? Output.draw("\u{1B}[?25h\u{1B}[?1049l")
        before.withLock { before in
            // Safe: the call reads the structure, which is ours.
            if var settings = before { _ = unsafe tcsetattr(STDIN_FILENO, TCSANOW, &settings) }
            before = nil
        }
    }
}
