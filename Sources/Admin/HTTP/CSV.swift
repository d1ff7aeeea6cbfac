import HTTPTypes

/// Comma-separated values (RFC 4180): rows of fields, with the line that each row begins on.
struct CSV: Equatable, Sendable {
    struct Row: Equatable, Sendable {
        /// Counted from 1.
        let line: Int
        let fields: [String]
    }

    let rows: [Row]

    /// Reads all rows; blank lines are passed over. A line ends with LF or CR LF. Throws when bytes
    /// are not UTF-8 or a quote is out of place.
    init(parsing bytes: [UInt8]) throws(Problem) {
        var reader = Reader(bytes: bytes)
        var rows: [Row] = []
        while let row = try reader.row() { rows.append(row) }
        self.rows = rows
    }

    /// A row as text, with its line end; fields are quoted when they have to be.
    static func text(of fields: [String]) -> String {
        fields.map { field in
            let isPlain = !field.utf8.contains { [34, 44, 10, 13].contains($0) }
            return isPlain
                ? field
                : "\"\(field.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\"\""))\""
        }
        .joined(separator: ",") + "\r\n"
    }

    private struct Reader {
        let bytes: [UInt8]
        var position = 0
        var line = 1

        init(bytes: [UInt8]) {
            self.bytes = bytes
            // A byte order mark, as spreadsheets write one.
            if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { position = 3 }
        }

        mutating func row() throws(Problem) -> Row? {
            while position < bytes.count {
                let start = line
                var fields: [String] = []
                var isAtEndOfRow = false
                while !isAtEndOfRow {
                    fields.append(try field())
                    isAtEndOfRow = try !skipComma()
                }
                if fields != [""] { return Row(line: start, fields: fields) }
            }
            return nil
        }

        /// True after a comma, false after the end of a line or of the text.
        private mutating func skipComma() throws(Problem) -> Bool {
            guard position < bytes.count else { return false }
            switch bytes[position] {
            case UInt8(ascii: ","):
                position += 1
                return true
            case UInt8(ascii: "\r") where next == UInt8(ascii: "\n"):
                position += 2
            case UInt8(ascii: "\n"): position += 1
            default:
                throw CSV.problem(line, "a comma or the end of the line must follow a quoted field")
            }
            line += 1
            return false
        }

        private var next: UInt8? { position + 1 < bytes.count ? bytes[position + 1] : nil }

        private mutating func field() throws(Problem) -> String {
            let content: [UInt8]
            let start = line
            if position < bytes.count, bytes[position] == UInt8(ascii: "\"") {
                content = try quoted()
            } else {
                let begin = position
                while position < bytes.count, ![44, 10].contains(bytes[position]),
                    !(bytes[position] == 13 && next == 10)
                {
                    if bytes[position] == UInt8(ascii: "\"") {
                        throw CSV.problem(
                            line, "a quote inside a field that does not begin with one")
                    }
                    position += 1
                }
                content = Array(bytes[begin..<position])
            }
            guard let text = String(validating: content, as: UTF8.self) else {
                throw CSV.problem(start, "not UTF-8")
            }
            return text
        }

        private mutating func quoted() throws(Problem) -> [UInt8] {
            let start = line
            var content: [UInt8] = []
            position += 1
            while position < bytes.count {
                let byte = bytes[position]
                if byte == UInt8(ascii: "\"") {
                    guard next == UInt8(ascii: "\"") else {
                        position += 1
                        return content
                    }
                    position += 1
                }
                if byte == UInt8(ascii: "\n") { line += 1 }
                content.append(byte)
                position += 1
            }
            throw CSV.problem(start, "a quoted field without an end")
        }
    }

    static func problem(_ line: Int, _ detail: String) -> Problem {
        Problem("invalid-csv", "line \(line): \(detail)", line: line)
    }
}
