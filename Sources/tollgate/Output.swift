import Admin
import Glibc
import Linux

/// What goes to the terminal, all of it: answers to standard output, complaints to standard error.
///
/// Terminals are never sent a control character that was stored or came over the network. A write that
/// fails ends the verb in an orderly way: `Failure`.
enum Output {
    /// Lines for people.
    static func say(_ text: String) throws(Failure) {
        try write("\(text.printable(keeping: true))\n", to: STDOUT_FILENO)
    }

    /// JSON text, and the end of its line.
    static func json(_ bytes: [UInt8]) throws(Failure) {
        try write("\(String(decoding: bytes, as: UTF8.self).printableJSON)\n", to: STDOUT_FILENO)
    }

    /// A part of JSON text.
    static func json(part: String) throws(Failure) {
        try write(part.printableJSON, to: STDOUT_FILENO)
    }

    /// Text for programs, which get it as it is, unless they are a terminal.
    static func raw(_ bytes: [UInt8]) throws(Failure) {
        guard Terminal.isTerminal(STDOUT_FILENO) else { return try write(bytes, to: STDOUT_FILENO) }
        let text = String(decoding: bytes, as: UTF8.self).replacing("\r\n", with: "\n")
        try write(text.printable(keeping: true), to: STDOUT_FILENO)
    }

    /// A line on standard error. There is nowhere to say that it could not be written.
    static func complain(_ text: String) {
        try? write("tollgate: \(text.printable(keeping: true))\n", to: STDERR_FILENO)
    }

    /// A screen that is drawn again and again: `text` as it is, whose lines are printable already.
    static func draw(_ text: String) throws(Failure) { try write(text, to: STDOUT_FILENO) }

    /// A question on standard error, whose answer comes on the same line.
    static func ask(_ text: String) { try? write(text.printable(), to: STDERR_FILENO) }

    /// Lines of the log, which are printable already.
    static func log(_ bytes: [UInt8]) { try? write(bytes, to: STDERR_FILENO) }

    /// Whether what is complained of is seen by people at once.
    static let complainsToTerminal = Terminal.isTerminal(STDERR_FILENO)

    /// Writes the line over that standard error's terminal shows; without text, takes it away.
    static func overwrite(_ text: String = "") {
        // Back to its beginning, and the rest of it away.
        try? write("\r\u{1B}[K\(text.printable())", to: STDERR_FILENO)
    }

    private static func write(_ text: String, to descriptor: Int32) throws(Failure) {
        try write(Array(text.utf8), to: descriptor)
    }

    private static func write(_ bytes: [UInt8], to descriptor: Int32) throws(Failure) {
        do throws(Errno) {
            try StandardStreams.write(bytes, to: descriptor)
        } catch .brokenPipe {
            throw .readerGone
        } catch {
            throw Failure(text: "standard output: \(error)")
        }
    }
}

extension Output {
    /// A document for people: a line for each member, and a table for each list of objects.
    static func show(_ document: JSON) throws(Failure) {
        guard case .object(let members) = document else { return }
        let tables = members.filter { isList($0.value) }
        let cells = cells(of: .object(members.filter { !isList($0.value) }))
        let width = cells.map(\.name.count).max() ?? 0
        let lines = cells.map { "\(TextWidth.padded($0.name, to: width))  \($0.value.text)" }
        if !lines.isEmpty { try say(lines.joined(separator: "\n")) }
        for member in tables {
            guard let rows = member.value.array, let first = rows.first else { continue }
            try say("\n\(member.name.printable())")
            var table = Table(columns: Self.cells(of: first).map(\.name))
            try table.show(rows)
        }
    }

    private static func isList(_ json: JSON) -> Bool {
        guard case .object? = json.array?.first else { return json == [] }
        return true
    }

    /// A document as two lines of CSV: its members' names, those of lists left out, and their values.
    static func csv(_ document: JSON) throws(Failure) {
        guard case .object(let members) = document else { return }
        let cells = cells(of: .object(members.filter { !isList($0.value) }))
        let values = CSVField.row(of: cells.map(\.value.field))
        try say("\(ListPrinter.line(cells.map(\.name)))\n\(values)")
    }
}

/// Why the program ends without having done what it was asked.
struct Failure: Error, Equatable {
    /// One line for standard error; nothing is said when it is empty.
    let text: String

    /// 1: refused or failed; 2: asked wrongly; 141: the output's reader has gone.
    var code: Int32 = 1

    /// The API's name of the reason, when it was the API that refused.
    var reason: String?

    /// The output's reader has gone: the exit code of a program that SIGPIPE ended.
    static let readerGone = Failure(text: "", code: 128 + SIGPIPE)
}

extension Failure: CustomStringConvertible {
    /// For who has it as an error of any kind, as a log that is opened late.
    var description: String { text }
}

/// What `body` answers; its error becomes a failure.
func orFail<Value>(code: Int32 = 1, _ body: () throws -> Value) throws(Failure) -> Value {
    do {
        return try body()
    } catch let failure as Failure {
        throw failure
    } catch {
        throw Failure(text: "\(error)", code: code)
    }
}

/// A line on standard error that tells how far something is: on a terminal the same line again and
/// again, elsewhere a new one now and then.
struct Progress {
    private var nextLine = ContinuousClock.now + .seconds(5)
    private var isShown = false

    mutating func show(_ text: String) {
        if Output.complainsToTerminal {
            Output.overwrite(text)
            isShown = true
        } else if ContinuousClock.now >= nextLine {
            nextLine = ContinuousClock.now + .seconds(5)
            Output.complain(text)
        }
    }

    /// What comes next begins on a line of its own.
    mutating func end() {
        if isShown { Output.overwrite() }
        isShown = false
    }
}
