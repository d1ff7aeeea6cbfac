import Bytes

/// What a device says of an upgrade, by `sys/ota/progress` or `sys/ota/outcome`: a JSON object (RFC 8259) with members that
/// are texts, numbers, true, false or null. Those that are not known are passed over; of one that is given twice the last
/// counts.
struct DeviceReport: Equatable {
    private(set) var id: String?
    private(set) var percent: Int?
    private(set) var outcome: String?
    private(set) var detail: String?

    /// In bytes, of the payload.
    static let maximumBytes = 4_096

    private enum Value {
        case text(String)
        case integer(Int)
        case other
    }

    /// `nil` when the bytes are no such object.
    init?(_ payload: Span<UInt8>) {
        guard payload.count <= Self.maximumBytes else { return nil }
        var scanner = Scanner(bytes: payload.bytesArray)
        guard scanner.take(UInt8(ascii: "{")) else { return nil }
        if !scanner.take(UInt8(ascii: "}")) {
            repeat {
                guard let name = scanner.text(), scanner.take(UInt8(ascii: ":")),
                    let value = scanner.value()
                else { return nil }
                note(name, value)
            } while scanner.take(UInt8(ascii: ","))
            guard scanner.take(UInt8(ascii: "}")) else { return nil }
        }
        guard scanner.isAtEnd else { return nil }
    }

    private mutating func note(_ name: String, _ value: Value) {
        switch value {
        case .text(let text):
            if name == "id" { id = text }
            if name == "outcome" { outcome = text }
            if name == "detail" { detail = text }
        case .integer(let number): if name == "percent" { percent = number }
        case .other: break
        }
    }

    /// Reads tokens, with white space in front of each passed over.
    private struct Scanner {
        let bytes: [UInt8]
        var place = 0

        private mutating func passSpace() {
            while place < bytes.count, [0x20, 0x09, 0x0A, 0x0D].contains(bytes[place]) {
                place += 1
            }
        }

        var isAtEnd: Bool {
            mutating get {
                passSpace()
                return place == bytes.count
            }
        }

        mutating func take(_ byte: UInt8) -> Bool {
            passSpace()
            guard place < bytes.count, bytes[place] == byte else { return false }
            place += 1
            return true
        }

        mutating func value() -> Value? {
            passSpace()
            guard place < bytes.count else { return nil }
            if bytes[place] == UInt8(ascii: "\"") { return text().map { .text($0) } }
            let start = place
            while place < bytes.count, bytes[place].isOfWord { place += 1 }
            let word = String(decoding: bytes[start..<place], as: UTF8.self)
            if ["true", "false", "null"].contains(word) { return .other }
            guard let first = word.utf8.first, first == UInt8(ascii: "-") || first.isDigit else {
                return nil
            }
            if let number = Int(word) { return .integer(number) }
            return Double(word).map { _ in .other }
        }

        mutating func text() -> String? {
            guard take(UInt8(ascii: "\"")) else { return nil }
            var text: [UInt8] = []
            while place < bytes.count {
                let byte = bytes[place]
                place += 1
                switch byte {
                case UInt8(ascii: "\""): return String(validating: text, as: UTF8.self)
                case UInt8(ascii: "\\"):
                    guard let scalar = escaped() else { return nil }
                    text.append(contentsOf: Array(String(Character(scalar)).utf8))
                case 0..<0x20: return nil
                default: text.append(byte)
                }
            }
            return nil
        }

        private mutating func escaped() -> Unicode.Scalar? {
            guard place < bytes.count else { return nil }
            let byte = bytes[place]
            place += 1
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"):
                return Unicode.Scalar(byte)
            case UInt8(ascii: "b"): return "\u{8}"
            case UInt8(ascii: "f"): return "\u{C}"
            case UInt8(ascii: "n"): return "\n"
            case UInt8(ascii: "r"): return "\r"
            case UInt8(ascii: "t"): return "\t"
            case UInt8(ascii: "u"): return unicode()
            default: return nil
            }
        }

        /// Two halves of a pair are one character.
        private mutating func unicode() -> Unicode.Scalar? {
            guard let unit = unit() else { return nil }
            guard UTF16.isLeadSurrogate(unit) else { return Unicode.Scalar(unit) }
            guard place + 1 < bytes.count, bytes[place] == UInt8(ascii: "\\"),
                bytes[place + 1] == UInt8(ascii: "u")
            else { return nil }
            place += 2
            guard let trail = self.unit(), UTF16.isTrailSurrogate(trail) else { return nil }
            return UTF16.decode(UTF16.EncodedScalar([unit, trail]))
        }

        private mutating func unit() -> UInt16? {
            guard place + 4 <= bytes.count else { return nil }
            let digits = String(decoding: bytes[place..<place + 4], as: UTF8.self)
            guard digits.utf8.allSatisfy(\.isHexDigit) else { return nil }
            place += 4
            return UInt16(digits, radix: 16)
        }
    }
}

extension UInt8 {
    fileprivate var isDigit: Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(self) }

    fileprivate var isHexDigit: Bool {
        isDigit || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(self | 0x20)
    }

    /// Of a number, or of `true`, `false` and `null`.
    fileprivate var isOfWord: Bool {
        isDigit || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(self | 0x20)
            || [UInt8(ascii: "-"), UInt8(ascii: "+"), UInt8(ascii: ".")].contains(self)
    }
}
