import Gateway
import HTTPTypes

/// Comma-separated values (RFC 4180), see `CSVParser` for how they are read.
enum CSV {
    /// A row, with the line that it begins on.
    struct Row: Equatable, Sendable {
        /// Counted from 1.
        let line: Int
        let fields: [String]
    }

    /// A row as text, with its line end; fields are quoted when they have to be.
    static func text(of fields: [String]) -> String {
        var bytes: [UInt8] = []
        append(fields, to: &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }

    /// The same as bytes of UTF-8.
    static func append(_ fields: [String], to bytes: inout [UInt8]) {
        let quote = UInt8(ascii: "\"")
        for (index, field) in fields.enumerated() {
            if index > 0 { bytes.append(UInt8(ascii: ",")) }
            let isPlain = !field.utf8.contains { $0 == 34 || $0 == 44 || $0 == 10 || $0 == 13 }
            if isPlain {
                bytes.append(contentsOf: field.utf8)
            } else {
                bytes.append(quote)
                for byte in field.utf8 {
                    if byte == quote { bytes.append(quote) }
                    bytes.append(byte)
                }
                bytes.append(quote)
            }
        }
        bytes.append(UInt8(ascii: "\r"))
        bytes.append(UInt8(ascii: "\n"))
    }

    static func problem(_ line: Int, _ detail: String) -> Problem {
        Problem(.invalidCSV, "line \(line): \(detail)", line: line)
    }
}
