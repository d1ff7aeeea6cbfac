import Admin
import ArgumentParser

/// How answers are written.
enum OutputForm: String, ExpressibleByArgument, CaseIterable {
    /// For people.
    case table

    /// One JSON text; of a list, an array.
    case json

    /// A line of JSON for each element.
    case ndjson

    /// RFC 4180, but with LF: a line of names, then a line for each element.
    case csv
}

/// The columns of a list: those that people see at once, and behind `|` the others, which `--wide` and CSV have too.
struct Columns: ExpressibleByStringLiteral {
    let usual: [String]
    let all: [String]

    /// Names with blanks between them: `dk name state | registeredAt`.
    init(stringLiteral text: String) {
        let parts = text.split(separator: "|").map { $0.split(separator: " ").map(String.init) }
        usual = parts.first ?? []
        all = parts.flatMap { $0 }
    }
}

/// Writes a list as it comes, part by part; none of it is kept.
struct ListPrinter {
    private let form: OutputForm
    private let columns: Columns
    private var table: Output.Table
    private(set) var count = 0

    init(_ form: OutputForm, _ columns: Columns, isWide: Bool = false) {
        self.form = form
        self.columns = columns
        table =
            isWide
            ? Output.Table(columns: columns.all, room: nil) : Output.Table(columns: columns.usual)
    }

    /// - Parameter row: what people see of an element, and CSV has.
    mutating func show(_ items: [JSON], row: (JSON) -> JSON = { $0 }) throws(Failure) {
        guard !items.isEmpty else { return }
        switch form {
        case .table: try table.show(items.map(row))
        case .json:
            let texts = items.map { String(decoding: $0.bytes, as: UTF8.self) }
            try Output.json(part: (count == 0 ? "[" : ",") + texts.joined(separator: ","))
        case .ndjson:
            let lines = items.map { String(decoding: $0.bytes, as: UTF8.self) + "\n" }
            try Output.json(part: lines.joined())
        case .csv:
            let head = count == 0 ? [Self.line(columns.all)] : []
            try Output.say((head + items.map { line(row($0)) }).joined(separator: "\n"))
        }
        count += items.count
    }

    /// Writes what an empty list has, or the end of one that is not.
    mutating func end() throws(Failure) {
        switch form {
        case .table:
            if count == 0 { try table.show([]) }
            if table.missing > 0, Output.complainsToTerminal {
                Output.complain(
                    "\(counted(Int64(table.missing), "column")) found no room: --wide shows all")
            }
        case .csv where count == 0: try Output.say(Self.line(columns.all))
        case .json: try Output.json(part: count == 0 ? "[]\n" : "]\n")
        case .ndjson, .csv: break
        }
    }

    private func line(_ item: JSON) -> String {
        let cells = Dictionary(Output.cells(of: item), uniquingKeysWith: { first, _ in first })
        return CSVField.row(
            of: columns.all.map { cells[$0]?.field ?? CSVField(number: "") })
    }

    /// The columns' names.
    static func line(_ names: [String]) -> String { CSVField.row(of: names.map { CSVField($0) }) }
}

extension Output.Cell {
    /// The same for a spreadsheet.
    var field: CSVField {
        switch kind {
        case .nothing: CSVField(number: "")
        case .number: CSVField(number: text)
        case .text, .time, .flag: CSVField(text)
        }
    }
}
