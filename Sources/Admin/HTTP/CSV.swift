import Gateway

/// Comma-separated values (RFC 4180), see `CSVParser` for how they are read.
enum CSV {
    /// A row, with the line that it begins on.
    struct Row: Equatable, Sendable {
        /// Counted from 1.
        let line: Int
        let fields: [String]
    }

    /// Texts as a row of UTF-8, with its line end.
    static func append(_ texts: [String], to bytes: inout [UInt8]) {
        append(texts.map { CSVField($0) }, to: &bytes)
    }

    static func append(_ fields: [CSVField], to bytes: inout [UInt8]) {
        CSVField.append(fields, to: &bytes)
        bytes.append(UInt8(ascii: "\r"))
        bytes.append(UInt8(ascii: "\n"))
    }

    static func problem(_ line: Int, _ detail: String) -> Problem {
        let fault = Fault(
            reason: .invalidCSV, line: line, detail: detail, text: "line \(line): \(detail)")
        return Problem(fault)
    }
}

extension CSV {
    /// A list of documents as CSV: a column for each member that one of them has, those of nested objects as
    /// `codes.total`; lists are joined by spaces.
    static func text(of documents: [JSON]) -> String {
        let rows = documents.map { cells(of: $0) }
        guard let first = rows.first else { return "" }
        var names = first.map(\.name)
        var known = Set(names)
        for cell in rows.dropFirst().joined() where known.insert(cell.name).inserted {
            names.append(cell.name)
        }
        var bytes: [UInt8] = []
        append(names, to: &bytes)
        for row in rows {
            let values = Dictionary(row.map { ($0.name, $0.value) }, uniquingKeysWith: { $1 })
            append(names.map { values[$0] ?? CSVField(number: "") }, to: &bytes)
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    private static func cells(of json: JSON) -> [(name: String, value: CSVField)] {
        guard case .object(let members) = json else { return [] }
        return members.flatMap { member in
            guard case .object = member.value else {
                return [(member.name, CSVField(member.value))]
            }
            return cells(of: member.value).map { ("\(member.name).\($0.name)", $0.value) }
        }
    }
}

/// Reads comma-separated values (RFC 4180) as they come, in pieces of any size. It holds no more than
/// one row that has not come whole, and what the latest piece brought.
struct CSVParser {
    /// What has come; rows before `position` were read.
    private var bytes: [UInt8] = []
    private var position = 0

    /// The line that `position` is on, counted from 1.
    private var line = 1
    private var isAtStart = true
    private var isComplete = false

    /// Looks for the end of the row at `position`; it has looked at what is before `looked`.
    private var rowEnd = CSVRowEnd()
    private var looked = 0

    /// How many blank lines may come before the next row.
    private var blankLinesLeft = Self.blankLinesMaximum

    /// Of one row, in bytes: three fields of an import are at most 64, 64 and 256, quoted.
    static let rowMaximum = 65_536

    /// Beyond one for each row, as some programs write them.
    static let blankLinesMaximum = 1_000

    mutating func append(_ piece: some Sequence<UInt8>) {
        bytes.removeFirst(position)
        looked -= position
        position = 0
        bytes.append(contentsOf: piece)
    }

    mutating func finish() { isComplete = true }

    /// The next row; blank lines are passed over. `nil` when it has not come whole, or, after
    /// `finish()`, when there is none. A line ends with LF or CR LF. Throws when bytes are not UTF-8,
    /// a quote is out of place, a row is longer than `rowMaximum`, or there are too many blank lines.
    mutating func next() throws(Problem) -> CSV.Row? {
        guard skipByteOrderMark() else { return nil }
        while position < bytes.count {
            let start = (position: position, line: line)
            let isWhole = lookForEnd()
            guard looked - position <= Self.rowMaximum else {
                throw CSV.problem(line, "the row is longer than \(Self.rowMaximum) bytes")
            }
            guard isWhole || isComplete else { return nil }
            guard let fields = try fields() else {
                (position, line) = start
                return nil
            }
            (rowEnd, looked) = (CSVRowEnd(), position)
            guard fields == [""] else {
                blankLinesLeft += 1
                return CSV.Row(line: start.line, fields: fields)
            }
            try passBlankLine(start.line)
        }
        return nil
    }

    /// Blank lines cost time as rows do, and no limit of rows counts them.
    private mutating func passBlankLine(_ line: Int) throws(Problem) {
        guard blankLinesLeft > 0 else {
            throw CSV.problem(
                line, "too many blank lines: there may be one a row, and \(Self.blankLinesMaximum)")
        }
        blankLinesLeft -= 1
    }

    /// Whether the row at `position` has come whole, or so much of it that it can't be one.
    private mutating func lookForEnd() -> Bool {
        var (rowEnd, looked, isEnd) = (rowEnd, looked, false)
        do {
            let bytes = bytes.span
            while !isEnd, looked < bytes.count {
                isEnd = rowEnd.comes(with: bytes[looked])
                looked += 1
            }
        }
        (self.rowEnd, self.looked) = (rowEnd, looked)
        return isEnd
    }

    /// A byte order mark, as spreadsheets write one; false when it can't be told yet.
    private mutating func skipByteOrderMark() -> Bool {
        guard isAtStart else { return true }
        let mark: [UInt8] = [0xEF, 0xBB, 0xBF]
        guard isComplete || bytes.count >= mark.count || !mark.starts(with: bytes) else {
            return false
        }
        if bytes.starts(with: mark) { (position, looked) = (mark.count, mark.count) }
        isAtStart = false
        return true
    }

    /// The fields of a row, past its end; `nil` when it has not come whole.
    private mutating func fields() throws(Problem) -> [String]? {
        var fields: [String] = []
        while true {
            guard let field = try field() else { return nil }
            fields.append(field)
            switch try separator() {
            case .comma: continue
            case .end: return fields
            case nil: return nil
            }
        }
    }

    private enum Separator { case comma, end }

    /// Passes what follows a field: a comma, or the end of the line or of the text.
    private mutating func separator() throws(Problem) -> Separator? {
        guard position < bytes.count else { return isComplete ? .end : nil }
        switch bytes[position] {
        case .comma:
            position += 1
            return .comma
        case .lineFeed: position += 1
        case .carriageReturn where following == .lineFeed: position += 2
        case .carriageReturn where following == nil && !isComplete: return nil
        default:
            throw CSV.problem(line, "a comma or the end of the line must follow a quoted field")
        }
        line += 1
        return .end
    }

    /// The byte behind the one at `position`.
    private var following: UInt8? { position + 1 < bytes.count ? bytes[position + 1] : nil }

    /// `nil` when it has not come whole.
    private mutating func field() throws(Problem) -> String? {
        let start = line
        let content: String?
        if position < bytes.count, bytes[position] == .quote {
            guard let quoted = try quoted() else { return nil }
            content = String(validating: quoted, as: UTF8.self)
        } else {
            guard let end = try endOfPlainField() else { return nil }
            content = String(validating: bytes[position..<end], as: UTF8.self)
            position = end
        }
        guard let content else { throw CSV.problem(start, "not UTF-8") }
        return content
    }

    /// Where the field that begins at `position` ends: before a comma or the end of the line.
    private func endOfPlainField() throws(Problem) -> Int? {
        let bytes = bytes.span
        var end = position
        while end < bytes.count {
            switch bytes[end] {
            case .comma, .lineFeed: return end
            case .carriageReturn:
                let isLast = end + 1 == bytes.count
                if isLast && !isComplete { return nil }
                if !isLast && bytes[end + 1] == .lineFeed { return end }
            case .quote:
                throw CSV.problem(line, "a quote inside a field that does not begin with one")
            default: break
            }
            end += 1
        }
        return isComplete ? end : nil
    }

    /// The content of a field in quotes, past the one that ends it.
    private mutating func quoted() throws(Problem) -> [UInt8]? {
        let start = line
        var content: [UInt8] = []
        position += 1
        while position < bytes.count {
            let byte = bytes[position]
            if byte == .quote {
                if following == nil && !isComplete { return nil }
                guard following == .quote else {
                    position += 1
                    return content
                }
                position += 1
            }
            if byte == .lineFeed { line += 1 }
            content.append(byte)
            position += 1
        }
        if isComplete { throw CSV.problem(start, "a quoted field without an end") }
        return nil
    }
}

/// Finds the end of a row byte by byte, so that each is looked at once however small the pieces are that it comes in,
/// and the row is read when it is whole.
private struct CSVRowEnd {
    private enum Place { case atField, inField, inQuotes, behindQuote, behindReturn }

    private var place = Place.atField

    /// Whether the row ends with the byte. Also at one that is out of place: what is wrong is said when the row is read.
    mutating func comes(with byte: UInt8) -> Bool {
        switch place {
        case .atField where byte == .quote: place = .inQuotes
        case .atField, .inField:
            if byte == .lineFeed || byte == .quote { return true }
            place = byte == .comma ? .atField : .inField
        case .inQuotes:
            if byte == .quote { place = .behindQuote }
        case .behindQuote:
            switch byte {
            case .quote: place = .inQuotes
            case .comma: place = .atField
            case .carriageReturn: place = .behindReturn
            default: return true
            }
        case .behindReturn: return true
        }
        return false
    }
}

extension UInt8 {
    fileprivate static let comma = UInt8(ascii: ",")
    fileprivate static let quote = UInt8(ascii: "\"")
    fileprivate static let lineFeed = UInt8(ascii: "\n")
    fileprivate static let carriageReturn = UInt8(ascii: "\r")
}
