/// A piece of a page. What stands in the source is markup; what is put in is text, and is escaped, unless it is such a
/// piece itself. There is no way to make one of a `String`: a literal is a `StaticString`.
struct HTML: ExpressibleByStringInterpolation, Sendable {
    fileprivate(set) var bytes: [UInt8] = []

    init() {}

    init(stringLiteral literal: StaticString) { bytes.append(markup: literal) }

    init(stringInterpolation: StringInterpolation) { bytes = stringInterpolation.bytes }

    struct StringInterpolation: StringInterpolationProtocol {
        fileprivate var bytes: [UInt8] = []

        init(literalCapacity: Int, interpolationCount: Int) {
            bytes.reserveCapacity(literalCapacity + 24 * interpolationCount)
        }

        mutating func appendLiteral(_ literal: StaticString) { bytes.append(markup: literal) }

        mutating func appendInterpolation(_ text: String) { bytes.append(escaped: text) }

        mutating func appendInterpolation(_ html: HTML) { bytes += html.bytes }
    }

    static func += (left: inout HTML, right: HTML) { left.bytes += right.bytes }

    /// One behind the other.
    init(_ parts: some Sequence<HTML>) {
        for part in parts { bytes += part.bytes }
    }

    var isEmpty: Bool { bytes.isEmpty }

    func contains(_ piece: HTML) -> Bool { bytes.firstRange(of: piece.bytes) != nil }
}

extension [UInt8] {
    fileprivate mutating func append(markup: StaticString) {
        // Safe: a literal's bytes live as long as the program.
        markup.withUTF8Buffer { unsafe append(contentsOf: $0) }
    }

    /// As text and as the value of an attribute in quotes. What could hide or turn the text around is shown as an escape.
    fileprivate mutating func append(escaped text: String) {
        let isPlain = text.utf8.allSatisfy { $0 >= 0x20 && $0 < 0x7F }
        for byte in (isPlain ? text : text.printable(keeping: true)).utf8 {
            switch byte {
            case UInt8(ascii: "&"): append(contentsOf: "&amp;".utf8)
            case UInt8(ascii: "<"): append(contentsOf: "&lt;".utf8)
            case UInt8(ascii: ">"): append(contentsOf: "&gt;".utf8)
            case UInt8(ascii: "\""): append(contentsOf: "&quot;".utf8)
            case UInt8(ascii: "'"): append(contentsOf: "&#39;".utf8)
            default: append(byte)
            }
        }
    }
}

/// A path of the console, with what it asks for: each part is percent-encoded.
struct ConsoleLink: Equatable, Sendable {
    private(set) var text: String

    init(_ segments: [String], _ query: [(name: String, value: String)] = []) {
        text = "/console"
        for segment in segments { text += "/" + Self.encoded(segment) }
        for (index, field) in query.filter({ !$0.value.isEmpty }).enumerated() {
            text += (index == 0 ? "?" : "&") + Self.encoded(field.name) + "="
            text += Self.encoded(field.value)
        }
    }

    /// All but unreserved characters (RFC 3986, 2.3).
    static func encoded(_ text: String) -> String {
        var encoded: [UInt8] = []
        let digits = Array("0123456789ABCDEF".utf8)
        for byte in text.utf8 {
            let isPlain =
                (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte)
                || (0x61...0x7A).contains(byte) || "-._~".utf8.contains(byte)
            if isPlain {
                encoded.append(byte)
            } else {
                encoded += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            }
        }
        return String(decoding: encoded, as: UTF8.self)
    }

    /// Where a sign-in leads: a path of the console, and no other place. Anything else is the first page.
    static func local(_ text: String?, withSignIn isSignIn: Bool = false) -> String {
        guard let text,
            text == "/console" || text.hasPrefix("/console/") || text.hasPrefix("/console?"),
            isSignIn || !text.hasPrefix("/console/sign-"),
            !text.contains("//"), !text.contains("/."),
            text.utf8.allSatisfy({ (0x21...0x7E).contains($0) && $0 != UInt8(ascii: "\\") })
        else { return "/console" }
        return text
    }
}
