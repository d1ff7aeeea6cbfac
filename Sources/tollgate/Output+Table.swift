import Admin

extension Output {
    /// A table for people, part by part: a column for each name, as wide as its widest cell in the first
    /// part, below a line of words. Numbers are aligned at their right.
    ///
    /// What does not fit the terminal is shortened: times to minutes, texts to their beginning and `…`, the widest
    /// first; then the last columns are left out.
    struct Table {
        private struct Column {
            let name: String
            var width = 0
            var isNumber = false
            var isTime = false

            /// What it may be shortened to.
            var minimum = 0
        }

        let names: [String]

        /// The columns of the terminal; `nil`: nothing is shortened.
        private let room: Int?
        private var columns: [Column]?

        /// How many of the columns the terminal has no room for; known once lines were made.
        var missing: Int { columns.map { names.count - $0.count } ?? 0 }

        private static let separator = "  "

        /// A key or an id stays long enough to be told from others.
        private static let keyMinimum = 10

        /// An id that the gateway has made is for the next command: webhooks' have 14 letters, keys' 15.
        private static let idMinimum = 16
        private static let textMinimum = 6

        init(columns: [String], room: Int? = Terminal.columns) {
            names = columns
            self.room = room
        }

        mutating func show(_ documents: [JSON]) throws(Failure) {
            let lines = lines(of: documents)
            if !lines.isEmpty { try say(lines.joined(separator: "\n")) }
        }

        /// The next lines; before the first ones, that of the words.
        mutating func lines(of documents: [JSON]) -> [String] {
            let rows = documents.map { document in
                Dictionary(Output.cells(of: document), uniquingKeysWith: { first, _ in first })
            }
            let isFirst = columns == nil
            let columns = columns ?? layout(rows)
            self.columns = columns
            var lines = rows.map { row in line(columns) { row[$0.name] ?? Cell(text: "") } }
            if isFirst { lines.insert(line(columns) { Cell(text: Self.header($0.name)) }, at: 0) }
            return lines
        }

        private func line(_ columns: [Column], _ cell: (Column) -> Cell) -> String {
            var line = columns.map { column in
                let cell = cell(column)
                var text = cell.kind == .flag ? (cell.text == "true" ? "yes" : "no") : cell.text
                if column.isTime, room != nil { text = Self.minutes(text) }
                if room != nil { text = TextWidth.shortened(text, to: column.width) }
                return TextWidth.padded(text, to: column.width, fromLeft: column.isNumber)
            }
            .joined(separator: Self.separator)
            while line.last == " " { line.removeLast() }
            return line
        }

        private func layout(_ rows: [[String: Cell]]) -> [Column] {
            var columns = names.map { name in
                let cells = rows.compactMap { $0[name] }
                var column = Column(name: name)
                let filled = cells.filter { $0.kind != .nothing }
                column.isNumber = !filled.isEmpty && filled.allSatisfy { $0.kind == .number }
                column.isTime = !filled.isEmpty && filled.allSatisfy { $0.kind == .time }
                let header = TextWidth.columns(Self.header(name))
                // A flag is yes or no.
                let widest =
                    cells.map { $0.kind == .flag ? 3 : TextWidth.columns($0.text) }.max() ?? 0
                column.width = max(header, widest)
                let isFixed = column.isNumber || column.isTime
                let least =
                    ["id", "key"].contains(name)
                    ? Self.idMinimum : Self.isKey(name) ? Self.keyMinimum : Self.textMinimum
                column.minimum = isFixed ? column.width : min(column.width, max(header, least))
                return column
            }
            guard let room, Self.width(of: columns) > room else { return columns }
            for index in columns.indices where columns[index].isTime {
                columns[index].width = max(17, TextWidth.columns(Self.header(columns[index].name)))
            }
            while columns.count > 1, Self.least(of: columns) > room { columns.removeLast() }
            while Self.width(of: columns) > room {
                let shrinking = columns.indices.filter {
                    !columns[$0].isTime && columns[$0].width > columns[$0].minimum
                }
                // One that is wider than the terminal is cut, whatever it is.
                let widest =
                    shrinking.max { columns[$0].width < columns[$1].width } ?? columns.startIndex
                guard columns[widest].width > 1 else { break }
                columns[widest].width -= 1
            }
            return columns
        }

        private static func width(of columns: [Column]) -> Int {
            columns.reduce((columns.count - 1) * separator.count) { $0 + $1.width }
        }

        private static func least(of columns: [Column]) -> Int {
            columns.reduce((columns.count - 1) * separator.count) {
                $0 + ($1.isTime ? $1.width : $1.minimum)
            }
        }

        /// `2026-11-21 08:15Z` of a time, other text as it is.
        private static func minutes(_ text: String) -> String {
            guard text.utf8.count >= 20, text.hasSuffix("Z") else { return text }
            return text.prefix(16).replacing("T", with: " ") + "Z"
        }

        private static func isKey(_ name: String) -> Bool {
            ["pk", "dk", "id", "code", "firstCode", "account", "clientId"].contains(name)
        }

        /// `autoRenewal` is AUTO RENEWAL. What people call otherwise has a word of its own.
        static func header(_ name: String) -> String {
            if let word = words[name] { return word }
            let last = name.split(separator: ".").last.map(String.init) ?? name
            let text = last.reduce(into: "") { text, character in
                if character.isUppercase, !text.isEmpty { text += " " }
                text += character.uppercased()
            }
            return text.hasSuffix(" AT") && text != "AT" ? String(text.dropLast(3)) : text
        }

        private static let words = [
            "pk": "PRODUCT", "dk": "DEVICE", "codes.total": "CODES", "codes.assigned": "CODES",
            "codes.remaining": "LEFT", "codes.consumed": "USED",
            "codesConsumed": "CODES", "devices.known": "DEVICES", "productName": "PRODUCT NAME",
            "lastSeenAt": "LAST SEEN", "autoRenewal": "RENEWAL", "messagesPerDay": "MESSAGES/DAY",
            "otaPerMonth": "OTA/MONTH", "validityDays": "DAYS", "storageDays": "STORAGE DAYS",
            "sequence": "NO.", "firstCode": "FIRST CODE", "beganAt": "BEGAN", "at": "TIME",
            "protocolVersion": "MQTT", "clientId": "CLIENT",
        ]
    }

    /// A part of a table or a line of a document, as printable text.
    struct Cell {
        enum Kind { case text, number, time, flag, nothing }
        let text: String
        var kind = Kind.text
    }

    /// Members as printable text, those of nested objects as `codes.total`.
    static func cells(of json: JSON) -> [(name: String, value: Cell)] {
        guard case .object(let members) = json else { return [] }
        return members.flatMap { member -> [(name: String, value: Cell)] in
            if case .object = member.value {
                return cells(of: member.value).map { ("\(member.name).\($0.name)", $0.value) }
            }
            let text = text(of: member.value).printable()
            return [(member.name.printable(), Cell(text: text, kind: kind(of: member.value)))]
        }
    }

    private static func kind(of json: JSON) -> Cell.Kind {
        switch json {
        case .null: .nothing
        case .integer, .number: .number
        case .text(let text): isTime(text) ? .time : .text
        case .bool: .flag
        case .array, .object: .text
        }
    }

    /// `2026-11-21T08:15:30.250Z`.
    private static func isTime(_ text: String) -> Bool {
        let bytes = Array(text.utf8)
        return (20...24).contains(bytes.count) && bytes[4] == UInt8(ascii: "-")
            && bytes[10] == UInt8(ascii: "T") && bytes.last == UInt8(ascii: "Z")
    }

    static func text(of json: JSON) -> String {
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
