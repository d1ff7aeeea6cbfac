import Foundation
import Synchronization

/// How far an upload is, for whoever waits: rows, their rate, and a percentage when the size is known.
/// On a terminal one line is written over; elsewhere there is a line every few seconds.
final class UploadProgress: Sendable {
    private struct State {
        var bytes = 0
        var lines = 0
        var isSent = false
        var lastActivity = ContinuousClock.now
        var lastShown: ContinuousClock.Instant?
    }

    private let state = Mutex(State())
    private let total: Int?
    private let beginning = ContinuousClock.now
    private let isTerminal = isatty(2) == 1

    /// Nothing is shown before: a small file is done by then.
    private static let patience = Duration.seconds(1)
    private static let interval = (terminal: Duration.milliseconds(200), log: Duration.seconds(5))

    /// - Parameter total: in bytes, if it is known.
    init(total: Int?) { self.total = total }

    /// The server took this piece.
    func didSend(_ piece: [UInt8]) {
        let lines = piece.count { $0 == UInt8(ascii: "\n") }
        state.withLock { state in
            state.bytes += piece.count
            state.lines += lines
            state.lastActivity = .now
        }
    }

    /// All has been sent; what is left is the server's.
    func didSendAll() {
        state.withLock { state in
            state.isSent = true
            state.lastActivity = .now
        }
    }

    func didReceive() { state.withLock { $0.lastActivity = .now } }

    /// For how long nothing has moved.
    var silence: Duration { state.withLock { .now - $0.lastActivity } }

    /// Shows how far it is, if it is time to.
    func show() {
        let state = state.withLock { state -> State? in
            let interval = isTerminal ? Self.interval.terminal : Self.interval.log
            let isDue = state.lastShown.map { .now - $0 >= interval } ?? true
            guard isDue, .now - beginning >= Self.patience else { return nil }
            state.lastShown = .now
            return state
        }
        guard let state else { return }
        if isTerminal {
            // Back to the line's beginning, and the rest of it away.
            write("\r\u{1B}[K\(text(state))")
        } else {
            write("tollgate: \(text(state))\n")
        }
    }

    /// Shows the end, if anything was shown before.
    func end() {
        let state = state.withLock { $0 }
        guard state.lastShown != nil else { return }
        write(isTerminal ? "\r\u{1B}[K" : "")
        write("tollgate: \(text(state))\n")
    }

    /// Takes the line away that a terminal shows, so that a complaint has one of its own.
    func clear() {
        if isTerminal, state.withLock({ $0.lastShown }) != nil { write("\r\u{1B}[K") }
    }

    private func text(_ state: State) -> String {
        // One of the lines is the header.
        let rows = max(0, state.lines - 1)
        let seconds = max(0.001, Self.seconds(state.lastActivity - beginning))
        var parts = ["\(rows) rows", "\(Int(Double(rows) / seconds)) a second"]
        if let total, total > 0 {
            parts.append("\(min(100, state.bytes * 100 / total)) %")
        }
        if state.isSent { parts.append("all sent after \(Int(seconds)) s") }
        return parts.joined(separator: ", ")
    }

    private static func seconds(_ duration: Duration) -> Double {
        Double(duration.components.seconds) + Double(duration.components.attoseconds) * 1e-18
    }

    private func write(_ text: String) { FileHandle.standardError.write(Data(text.utf8)) }
}
