import Bytes

/// The head of an HTTP/1.1 request (RFC 9112), as far as an opening handshake has to know it: what a
/// field says, or where it is.
struct RequestHead {
    var isGet = false
    var target = 0..<0
    var host: Range<Int>?
    var origin: Range<Int>?
    var key: Range<Int>?
    var version: Range<Int>?
    var upgradesToWebSocket = false
    var upgradesConnection = false
    var offersMQTT = false
    var announcesBody = false

    /// Of a field that may be there once, there was a second.
    private var isHostRepeated = false
    private var isKeyRepeated = false
    private var isRepeated = false

    /// - Parameter bytes: the lines with their ends, the empty one among them.
    init(_ bytes: Span<UInt8>) throws(HandshakeRefusal) {
        var start = 0
        var isFirst = true
        while start < bytes.count {
            var end = start
            while end < bytes.count, bytes[end] != UInt8(ascii: "\r") { end += 1 }
            guard end + 1 < bytes.count, bytes[end + 1] == UInt8(ascii: "\n") else {
                throw .malformed
            }
            if isFirst {
                try readRequestLine(bytes, start..<end)
                isFirst = false
            } else if start == end {
                guard end + 2 == bytes.count else { throw .malformed }
            } else {
                try readField(bytes, start..<end)
            }
            start = end + 2
        }
        if isHostRepeated { throw .hostMissing }
        if isKeyRepeated { throw .keyNotValid }
        if isRepeated { throw .malformed }
    }

    /// `GET /mqtt HTTP/1.1`
    private mutating func readRequestLine(
        _ bytes: Span<UInt8>,
        _ line: Range<Int>
    ) throws(HandshakeRefusal) {
        var spaces: [Int] = []
        for index in line where bytes[index] == UInt8(ascii: " ") { spaces.append(index) }
        guard spaces.count == 2, spaces[0] > line.lowerBound, spaces[1] > spaces[0] + 1 else {
            throw .malformed
        }
        for index in line.lowerBound..<spaces[0] where !bytes[index].isTokenCharacter {
            throw .malformed
        }
        target = spaces[0] + 1..<spaces[1]
        for index in target where !(0x21...0x7E).contains(bytes[index]) { throw .malformed }
        let version = bytes.extracting(spaces[1] + 1..<line.upperBound)
        if !version.isEqual(to: "HTTP/1.1") {
            let isHTTP = version.count == 8 && version.extracting(0..<5).isEqual(to: "HTTP/")
            throw isHTTP ? .httpVersionNotSupported : .malformed
        }
        isGet = bytes.extracting(line.lowerBound..<spaces[0]).isEqual(to: "GET")
    }

    /// `Name: value`, without blanks before the colon and without a line of its own for a part of the
    /// value (RFC 9112, 5.1 and 5.2).
    private mutating func readField(
        _ bytes: Span<UInt8>,
        _ line: Range<Int>
    ) throws(HandshakeRefusal) {
        var colon = line.lowerBound
        while colon < line.upperBound, bytes[colon].isTokenCharacter { colon += 1 }
        guard colon > line.lowerBound, colon < line.upperBound, bytes[colon] == UInt8(ascii: ":")
        else { throw .malformed }
        for index in colon + 1..<line.upperBound where !bytes[index].isFieldCharacter {
            throw .malformed
        }
        let name = bytes.extracting(line.lowerBound..<colon)
        let place = bytes.trimmed(colon + 1..<line.upperBound)
        let value = bytes.extracting(place)
        if name.isEqualIgnoringCase(to: "Host") {
            isHostRepeated = host != nil
            host = place
        } else if name.isEqualIgnoringCase(to: "Upgrade") {
            if value.listContains("websocket", ignoringCase: true) { upgradesToWebSocket = true }
        } else if name.isEqualIgnoringCase(to: "Connection") {
            if value.listContains("upgrade", ignoringCase: true) { upgradesConnection = true }
        } else if name.isEqualIgnoringCase(to: "Sec-WebSocket-Key") {
            isKeyRepeated = key != nil
            key = place
        } else if name.isEqualIgnoringCase(to: "Sec-WebSocket-Version") {
            isRepeated = isRepeated || version != nil
            version = place
        } else if name.isEqualIgnoringCase(to: "Sec-WebSocket-Protocol") {
            // Names of subprotocols are compared as they are.
            if value.listContains("mqtt", ignoringCase: false) { offersMQTT = true }
        } else if name.isEqualIgnoringCase(to: "Origin") {
            isRepeated = isRepeated || origin != nil
            origin = place
        } else if name.isEqualIgnoringCase(to: "Transfer-Encoding") {
            announcesBody = true
        } else if name.isEqualIgnoringCase(to: "Content-Length") {
            if !value.isEqual(to: "0") { announcesBody = true }
        }
    }
}

// The text of HTTP's fields (RFC 9110, 5), as bytes.
extension Span where Element == UInt8 {
    /// Whether both are the same text; letters of ASCII count as equal in either case.
    func isEqualIgnoringCase(to other: Span<UInt8>) -> Bool {
        guard count == other.count else { return false }
        for index in indices where self[index].lowercased != other[index].lowercased {
            return false
        }
        return true
    }

    func hasPrefixIgnoringCase(_ prefix: Span<UInt8>) -> Bool {
        guard count >= prefix.count else { return false }
        return extracting(0..<prefix.count).isEqualIgnoringCase(to: prefix)
    }

    /// Whether it is the text; letters of ASCII count as equal in either case.
    func isEqualIgnoringCase(to text: StaticString) -> Bool {
        guard count == text.utf8CodeUnitCount else { return false }
        // Safe: a static string's bytes are there for ever, as many as it says.
        let other = unsafe Span(_unsafeStart: text.utf8Start, count: text.utf8CodeUnitCount)
        return isEqualIgnoringCase(to: other)
    }

    func isEqual(to text: StaticString) -> Bool {
        guard count == text.utf8CodeUnitCount else { return false }
        // Safe: a static string's bytes are there for ever, as many as it says.
        let other = unsafe Span(_unsafeStart: text.utf8Start, count: text.utf8CodeUnitCount)
        for index in indices where self[index] != other[index] { return false }
        return true
    }

    /// Where the text without blanks around it is.
    func trimmed(_ range: Range<Int>) -> Range<Int> {
        var (start, end) = (range.lowerBound, range.upperBound)
        while start < end, self[start].isBlank { start += 1 }
        while end > start, self[end - 1].isBlank { end -= 1 }
        return start..<end
    }

    /// Whether one of the elements of a list with commas (RFC 9110, 5.6.1) is the token.
    func listContains(_ token: StaticString, ignoringCase: Bool) -> Bool {
        var start = 0
        while start <= count {
            var end = start
            while end < count, self[end] != UInt8(ascii: ",") { end += 1 }
            let element = extracting(trimmed(start..<end))
            let isFound =
                ignoringCase
                ? element.isEqualIgnoringCase(to: token) : element.isEqual(to: token)
            if isFound { return true }
            start = end + 1
        }
        return false
    }
}

extension UInt8 {
    var lowercased: UInt8 {
        (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(self) ? self | 0x20 : self
    }

    var isBlank: Bool { self == UInt8(ascii: " ") || self == UInt8(ascii: "\t") }

    /// A character of a token (RFC 9110, 5.6.2).
    var isTokenCharacter: Bool {
        switch self {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: "!#$%&'*+-.^_`|~".utf8.contains(self)
        }
    }

    /// A character of a field's value (RFC 9110, 5.5): visible, a blank, or beyond ASCII.
    var isFieldCharacter: Bool { isBlank || (self > 0x20 && self != 0x7F) }
}
