/// A cell of comma-separated values: all that this program writes as CSV is made of these.
///
/// A spreadsheet runs what begins with `=`, `+`, `-`, `@`, a tab or a line's end as a formula, and names are chosen by
/// tenants. So such a text gets an apostrophe in front, as OWASP's page "CSV Injection" advises; a number stays one. A text
/// that begins like one with such an apostrophe gets one more, so that `taken` gives back every text.
public struct CSVField: Equatable, Sendable {
    let text: String

    /// Any text.
    public init(_ text: String) { self.text = Self.needsMark(text) ? "'\(text)" : text }

    /// A number, or nothing: what no tenant chooses.
    public init(number text: String) { self.text = text }

    /// A member of a document; lists are joined by spaces.
    init(_ json: JSON) {
        switch json {
        case .null: self.init(number: "")
        case .bool, .integer, .number:
            self.init(number: String(decoding: json.bytes, as: UTF8.self))
        case .text, .array, .object: self.init(Self.text(of: json))
        }
    }

    private static func text(of json: JSON) -> String {
        switch json {
        case .null: ""
        case .text(let text): text
        case .array(let elements): elements.map { text(of: $0) }.joined(separator: " ")
        case .bool, .integer, .number, .object: String(decoding: json.bytes, as: UTF8.self)
        }
    }

    /// A text that was written as a cell, as it was before.
    public static func taken(_ text: String) -> String {
        text.utf8.first == UInt8(ascii: "'") && needsMark(text) ? String(text.dropFirst()) : text
    }

    private static func needsMark(_ text: String) -> Bool {
        switch text.utf8.first(where: { $0 != UInt8(ascii: "'") }) {
        case UInt8(ascii: "="), UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: "@"),
            UInt8(ascii: "\t"), UInt8(ascii: "\r"), UInt8(ascii: "\n"):
            true
        case nil, .some: false
        }
    }

    /// A row without its end (RFC 4180): cells are quoted when they have to be.
    public static func row(of fields: [CSVField]) -> String {
        var bytes: [UInt8] = []
        append(fields, to: &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }

    static func append(_ fields: [CSVField], to bytes: inout [UInt8]) {
        let quote = UInt8(ascii: "\"")
        for (index, field) in fields.enumerated() {
            if index > 0 { bytes.append(UInt8(ascii: ",")) }
            let text = field.text.utf8
            guard text.contains(where: { $0 == 34 || $0 == 44 || $0 == 10 || $0 == 13 }) else {
                bytes.append(contentsOf: text)
                continue
            }
            bytes.append(quote)
            for byte in text {
                if byte == quote { bytes.append(quote) }
                bytes.append(byte)
            }
            bytes.append(quote)
        }
    }
}
