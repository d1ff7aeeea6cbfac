import FoundationEssentials
import Glibc

/// What is known of the terminal that people look at.
enum Terminal {
    static func isTerminal(_ descriptor: Int32) -> Bool { isatty(descriptor) == 1 }

    /// Whether people can be asked: they see the question, and what they type is the answer.
    static var canAsk: Bool { isTerminal(STDIN_FILENO) && isTerminal(STDERR_FILENO) }

    /// How many columns a table may have: `COLUMNS`, else those of standard output's terminal; `nil`, as many as it
    /// likes, of what is no terminal.
    static var columns: Int? {
        let named = ProcessInfo.processInfo.environment["COLUMNS"].flatMap { Int($0) }
        if let named, named > 0 { return named }
        return size.map { $0.columns }
    }

    /// Of standard output's terminal; `nil` when it is none, or does not say.
    static var size: (rows: Int, columns: Int)? {
        var size = winsize()
        // Safe: the call fills the structure, which is ours, with TIOCGWINSZ (tty_ioctl(4)).
        guard unsafe ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else {
            return nil
        }
        return (Int(size.ws_row), Int(size.ws_col))
    }
}
