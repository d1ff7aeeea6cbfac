extension JSON {
    /// The deepest nesting of arrays and objects that is read.
    private static let depthMaximum = 64

    /// Reads one value of JSON text (RFC 8259); `nil` when the bytes are not exactly that.
    public init?(parsing bytes: [UInt8]) {
        var reader = Reader(bytes: bytes)
        guard let value = reader.value(depth: 0), reader.isAtEnd else { return nil }
        self = value
    }

    private struct Reader {
        let bytes: [UInt8]
        var position = 0

        var isAtEnd: Bool {
            mutating get {
                skipSpace()
                return position == bytes.count
            }
        }

        private var byte: UInt8? { position < bytes.count ? bytes[position] : nil }

        private mutating func skipSpace() {
            while let byte, [0x20, 0x09, 0x0A, 0x0D].contains(byte) { position += 1 }
        }

        private mutating func skip(_ character: Unicode.Scalar) -> Bool {
            skipSpace()
            guard byte == UInt8(ascii: character) else { return false }
            position += 1
            return true
        }

        private mutating func word(_ word: String, _ value: JSON) -> JSON? {
            guard bytes[position...].starts(with: word.utf8) else { return nil }
            position += word.utf8.count
            return value
        }

        mutating func value(depth: Int) -> JSON? {
            guard depth < JSON.depthMaximum else { return nil }
            skipSpace()
            switch byte {
            case UInt8(ascii: "{"): return object(depth)
            case UInt8(ascii: "["): return array(depth)
            case UInt8(ascii: "\""): return text().map { .text($0) }
            case UInt8(ascii: "t"): return word("true", .bool(true))
            case UInt8(ascii: "f"): return word("false", .bool(false))
            case UInt8(ascii: "n"): return word("null", .null)
            default: return number()
            }
        }

        /// A name that occurs twice is refused: readers do not agree on which one counts.
        private mutating func object(_ depth: Int) -> JSON? {
            position += 1
            var members: [Member] = []
            var names: Set<String> = []
            if skip("}") { return .object([]) }
            repeat {
                skipSpace()
                guard byte == UInt8(ascii: "\""), let name = text(), skip(":"),
                    let value = value(depth: depth + 1), names.insert(name).inserted
                else { return nil }
                members.append(Member(name: name, value: value))
            } while skip(",")
            return skip("}") ? .object(members) : nil
        }

        private mutating func array(_ depth: Int) -> JSON? {
            position += 1
            var elements: [JSON] = []
            if skip("]") { return .array([]) }
            repeat {
                guard let value = value(depth: depth + 1) else { return nil }
                elements.append(value)
            } while skip(",")
            return skip("]") ? .array(elements) : nil
        }

        private mutating func number() -> JSON? {
            let start = position
            while let byte, "+-.0123456789eE".utf8.contains(byte) { position += 1 }
            let digits = bytes[start..<position]
            let text = String(decoding: digits, as: UTF8.self)
            let unsigned = digits.first == UInt8(ascii: "-") ? digits.dropFirst() : digits
            guard let first = unsigned.first, (0x30...0x39).contains(first),
                unsigned.count == 1 || first != 0x30
                    || !(0x30...0x39).contains(unsigned.dropFirst().first ?? 0)
            else { return nil }
            if let integer = Int64(text) { return .integer(integer) }
            guard digits.last != UInt8(ascii: "."), let number = Double(text), number.isFinite
            else { return nil }
            // `1.0` and `1e3` are whole numbers as well as `1` is.
            return Int64(exactly: number).map { .integer($0) } ?? .number(number)
        }

        private mutating func text() -> String? {
            position += 1
            var content: [UInt8] = []
            while let byte, byte >= 0x20 {
                position += 1
                switch byte {
                case UInt8(ascii: "\""): return String(validating: content, as: UTF8.self)
                case UInt8(ascii: "\\"):
                    guard escape(into: &content) else { return nil }
                default: content.append(byte)
                }
            }
            return nil
        }

        private mutating func escape(into content: inout [UInt8]) -> Bool {
            guard let byte else { return false }
            position += 1
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): content.append(byte)
            case UInt8(ascii: "b"): content.append(0x08)
            case UInt8(ascii: "f"): content.append(0x0C)
            case UInt8(ascii: "n"): content.append(0x0A)
            case UInt8(ascii: "r"): content.append(0x0D)
            case UInt8(ascii: "t"): content.append(0x09)
            case UInt8(ascii: "u"): return unicode(into: &content)
            default: return false
            }
            return true
        }

        /// `\uXXXX`, or two of them for a scalar outside the basic plane.
        private mutating func unicode(into content: inout [UInt8]) -> Bool {
            guard let first = hexadecimal() else { return false }
            var value = first
            if (0xD800...0xDBFF).contains(first) {
                guard bytes[position...].starts(with: "\\u".utf8) else { return false }
                position += 2
                guard let second = hexadecimal(), (0xDC00...0xDFFF).contains(second) else {
                    return false
                }
                value = 0x10000 + (first - 0xD800) << 10 + (second - 0xDC00)
            }
            guard let scalar = Unicode.Scalar(value) else { return false }
            content.append(contentsOf: Character(scalar).utf8)
            return true
        }

        private mutating func hexadecimal() -> UInt32? {
            guard position + 4 <= bytes.count else { return nil }
            let digits = bytes[position..<position + 4]
            guard digits.allSatisfy({ Character(Unicode.Scalar($0)).isHexDigit }) else {
                return nil
            }
            position += 4
            return UInt32(String(decoding: digits, as: UTF8.self), radix: 16)
        }
    }
}
