import Admin
import Foundation

/// What goes to the terminal: answers to standard output, complaints to standard error.
enum Output {
    static func say(_ text: String) { FileHandle.standardOutput.write(Data("\(text)\n".utf8)) }

    static func complain(_ text: String) {
        FileHandle.standardError.write(Data("tollgate: \(text)\n".utf8))
    }

    /// Bytes to standard error. When nobody takes them there is nowhere to say so.
    static func rawError(_ bytes: [UInt8]) {
        try? FileHandle.standardError.write(contentsOf: bytes)
    }

    static func raw(_ bytes: [UInt8]) { FileHandle.standardOutput.write(Data(bytes)) }

    /// A document for people: a line for each member, and a table for each list of objects.
    static func show(_ document: JSON) {
        guard case .object(let members) = document else { return }
        let tables = members.filter { isList($0.value) }
        let cells = cells(of: .object(members.filter { !isList($0.value) }))
        let width = cells.map(\.name.count).max() ?? 0
        for (name, value) in cells { say("\(padded(name, width))  \(value)") }
        for member in tables {
            guard let rows = member.value.array, let first = rows.first else { continue }
            say("\n\(member.name)")
            table(rows, columns: Self.cells(of: first).map(\.name))
        }
    }

    private static func isList(_ json: JSON) -> Bool {
        guard case .object? = json.array?.first else { return json == [] }
        return true
    }

    /// A table for people: a column for each name, as wide as its widest cell.
    static func table(_ documents: [JSON], columns: [String]) {
        let rows = documents.map { document in
            let cells = Dictionary(cells(of: document), uniquingKeysWith: { first, _ in first })
            return columns.map { cells[$0] ?? "" }
        }
        let header = columns.map { $0.uppercased() }
        let widths = columns.indices.map { column in
            ([header] + rows).map { $0[column].count }.max() ?? 0
        }
        for row in [header] + rows {
            let cells = row.indices.map { index in
                index == row.count - 1 ? row[index] : padded(row[index], widths[index])
            }
            say(cells.joined(separator: "  "))
        }
    }

    private static func padded(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: max(0, width - text.count))
    }

    /// Members as text, those of nested objects as `codes.total`.
    private static func cells(of json: JSON) -> [(name: String, value: String)] {
        guard case .object(let members) = json else { return [] }
        return members.flatMap { member -> [(name: String, value: String)] in
            if case .object = member.value {
                return cells(of: member.value).map { ("\(member.name).\($0.name)", $0.value) }
            }
            return [(member.name, text(of: member.value))]
        }
    }

    private static func text(of json: JSON) -> String {
        switch json {
        case .null: "-"
        case .text(let text): text
        case .array(let elements): elements.map { text(of: $0) }.joined(separator: " ")
        case .object(let members):
            members.map { "\($0.name)=\(text(of: $0.value))" }.joined(separator: ",")
        case .bool, .integer, .number: String(decoding: json.bytes, as: UTF8.self)
        }
    }
}

/// Why the program ends without having done what it was asked.
struct Failure: Error {
    /// One line for standard error.
    let text: String

    /// 1: refused or failed; 2: asked wrongly.
    var code: Int32 = 1
}

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
