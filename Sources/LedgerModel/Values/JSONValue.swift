/// A JSON value as a device has written it: in documents of its state, of which a merge patch is one, in tokens, in reports.
package enum JSONValue: Hashable, Sendable {
    case object([Member])
    case array([JSONValue])
    case null

    /// The text of a number, `true` or `false`.
    case word([UInt8])

    /// What it says, in UTF-8.
    case string([UInt8])

    package struct Member: Hashable, Sendable {
        /// What it says, in UTF-8.
        package let name: [UInt8]
        package var value: JSONValue
    }

    /// This as a merge patch on a value: the function of RFC 7396, 2. Members stay in their places, new ones follow.
    func applied(to target: JSONValue?) -> JSONValue {
        guard case .object(let edits) = self else { return self }
        var members: [Member] = []
        if case .object(let held)? = target { members = held }
        var places: [[UInt8]: Int] = [:]
        for (place, member) in members.enumerated() { places[member.name] = place }
        var gone: Set<Int> = []
        for edit in edits {
            let place = places[edit.name]
            if edit.value == .null {
                if let place { gone.insert(place) }
            } else if let place {
                members[place].value = edit.value.applied(to: members[place].value)
            } else {
                members.append(Member(name: edit.name, value: edit.value.applied(to: nil)))
            }
        }
        if gone.isEmpty { return .object(members) }
        return .object(members.enumerated().filter { !gone.contains($0.offset) }.map(\.element))
    }

    /// A whole number from 0 on, as versions are.
    func count() throws(StateFault) -> UInt64 {
        guard case .word(let digits) = self, digits.count <= 16,
            let number = UInt64(String(decoding: digits, as: UTF8.self))
        else { throw .notJSON }
        return number
    }

    /// JSON text without spaces.
    func append(to bytes: inout [UInt8]) {
        switch self {
        case .null: bytes.append(contentsOf: "null".utf8)
        case .word(let text): bytes.append(contentsOf: text)
        case .string(let text): Self.append(quoted: text, to: &bytes)
        case .array(let elements):
            bytes.append(UInt8(ascii: "["))
            for (place, element) in elements.enumerated() {
                if place > 0 { bytes.append(UInt8(ascii: ",")) }
                element.append(to: &bytes)
            }
            bytes.append(UInt8(ascii: "]"))
        case .object(let members):
            bytes.append(UInt8(ascii: "{"))
            for (place, member) in members.enumerated() {
                if place > 0 { bytes.append(UInt8(ascii: ",")) }
                Self.append(quoted: member.name, to: &bytes)
                bytes.append(UInt8(ascii: ":"))
                member.value.append(to: &bytes)
            }
            bytes.append(UInt8(ascii: "}"))
        }
    }

    /// Escapes what has to be escaped (RFC 8259, 7), and DEL.
    private static func append(quoted text: [UInt8], to bytes: inout [UInt8]) {
        let digits = Array("0123456789abcdef".utf8)
        bytes.append(UInt8(ascii: "\""))
        for byte in text {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"):
                bytes.append(UInt8(ascii: "\\"))
                bytes.append(byte)
            case 0..<0x20, 0x7F:
                bytes.append(contentsOf: "\\u00".utf8)
                bytes.append(digits[Int(byte >> 4)])
                bytes.append(digits[Int(byte & 15)])
            default: bytes.append(byte)
            }
        }
        bytes.append(UInt8(ascii: "\""))
    }
}

/// Reads JSON text strictly (RFC 8259): no name twice in one object, no half of a surrogate pair, and no deeper than it
/// may be.
package struct JSONValueReader {
    private let bytes: [UInt8]
    private let depthMaximum: Int
    private var position = 0

    /// - Parameter depthMaximum: of objects and arrays in each other, the outermost counted.
    package init(_ bytes: [UInt8], depthMaximum: Int) {
        self.bytes = bytes
        self.depthMaximum = depthMaximum
    }

    /// The one value that the text is.
    package mutating func whole() throws(StateFault) -> JSONValue {
        guard String(validating: bytes, as: UTF8.self) != nil else { throw .notUTF8 }
        let value = try value(depth: 1)
        skipSpace()
        guard position == bytes.count else { throw .notJSON }
        return value
    }

    private var byte: UInt8? { position < bytes.count ? bytes[position] : nil }

    private mutating func skipSpace() {
        while let byte, byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D {
            position += 1
        }
    }

    /// Whether that character is next; if so, it is read.
    private mutating func skip(_ character: Unicode.Scalar) -> Bool {
        skipSpace()
        guard byte == UInt8(ascii: character) else { return false }
        position += 1
        return true
    }

    private mutating func value(depth: Int) throws(StateFault) -> JSONValue {
        skipSpace()
        switch byte {
        case UInt8(ascii: "{"): return try object(depth)
        case UInt8(ascii: "["): return try array(depth)
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "t"): return .word(try word("true"))
        case UInt8(ascii: "f"): return .word(try word("false"))
        case UInt8(ascii: "n"):
            _ = try word("null")
            return .null
        default: return .word(try number())
        }
    }

    private mutating func word(_ word: String) throws(StateFault) -> [UInt8] {
        guard bytes[position...].starts(with: word.utf8) else { throw .notJSON }
        position += word.utf8.count
        return Array(word.utf8)
    }

    private mutating func object(_ depth: Int) throws(StateFault) -> JSONValue {
        guard depth <= depthMaximum else { throw .tooDeep }
        position += 1
        if skip("}") { return .object([]) }
        var members: [JSONValue.Member] = []
        var names: Set<[UInt8]> = []
        repeat {
            skipSpace()
            guard byte == UInt8(ascii: "\"") else { throw .notJSON }
            let name = try string()
            guard name.count <= StateDocument.nameMaximum else { throw .nameTooLong }
            guard skip(":") else { throw .notJSON }
            guard names.insert(name).inserted else { throw .repeatedName }
            members.append(JSONValue.Member(name: name, value: try value(depth: depth + 1)))
        } while skip(",")
        guard skip("}") else { throw .notJSON }
        return .object(members)
    }

    private mutating func array(_ depth: Int) throws(StateFault) -> JSONValue {
        guard depth <= depthMaximum else { throw .tooDeep }
        position += 1
        if skip("]") { return .array([]) }
        var elements: [JSONValue] = []
        repeat { elements.append(try value(depth: depth + 1)) } while skip(",")
        guard skip("]") else { throw .notJSON }
        return .array(elements)
    }

    private mutating func number() throws(StateFault) -> [UInt8] {
        guard let end = JSONNumber.end(in: bytes, from: position) else { throw .notJSON }
        defer { position = end }
        return Array(bytes[position..<end])
    }

    private mutating func string() throws(StateFault) -> [UInt8] {
        position += 1
        var content: [UInt8] = []
        while let byte, byte >= 0x20 {
            position += 1
            switch byte {
            case UInt8(ascii: "\""): return content
            case UInt8(ascii: "\\"): try escape(into: &content)
            default: content.append(byte)
            }
        }
        throw .notJSON
    }

    private mutating func escape(into content: inout [UInt8]) throws(StateFault) {
        guard let byte else { throw .notJSON }
        position += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): content.append(byte)
        case UInt8(ascii: "b"): content.append(0x08)
        case UInt8(ascii: "f"): content.append(0x0C)
        case UInt8(ascii: "n"): content.append(0x0A)
        case UInt8(ascii: "r"): content.append(0x0D)
        case UInt8(ascii: "t"): content.append(0x09)
        case UInt8(ascii: "u"): content.append(contentsOf: String(try scalar()).utf8)
        default: throw .notJSON
        }
    }

    /// Behind `\u`: four digits, or a surrogate pair.
    private mutating func scalar() throws(StateFault) -> Character {
        var value = try unit()
        if (0xD800...0xDBFF).contains(value), byte == UInt8(ascii: "\\") {
            position += 1
            guard byte == UInt8(ascii: "u") else { throw .notJSON }
            position += 1
            let low = try unit()
            guard (0xDC00...0xDFFF).contains(low) else { throw .notJSON }
            value = 0x10000 + (value - 0xD800) << 10 + (low - 0xDC00)
        }
        guard let scalar = Unicode.Scalar(value) else { throw .notJSON }
        return Character(scalar)
    }

    private mutating func unit() throws(StateFault) -> UInt32 {
        guard bytes.count - position >= 4 else { throw .notJSON }
        var value: UInt32 = 0
        for _ in 0..<4 {
            guard let digit = Character(Unicode.Scalar(bytes[position])).hexDigitValue,
                bytes[position] < 0x80
            else { throw .notJSON }
            value = value << 4 | UInt32(digit)
            position += 1
        }
        return value
    }
}
