/// What came back, from the first byte to the connection's end (RFC 9112).
struct HTTPAnswer {
    let status: Int

    /// The content; of one that was sent in chunks, without what is around them.
    let body: [UInt8]

    /// Whether all of it came, as far as it says how much it is.
    let isWhole: Bool

    /// `nil` when it is no answer of HTTP.
    init?(_ bytes: [UInt8]) {
        let line = bytes.prefix { $0 != 13 }.split(separator: 32)
        guard line.count >= 2, line[0].starts(with: "HTTP/1.".utf8),
            let status = Int(String(decoding: line[1], as: UTF8.self)),
            let end = bytes.firstRange(of: Array("\r\n\r\n".utf8))
        else { return nil }
        self.status = status
        let fields = Self.fields(bytes[..<end.lowerBound])
        let content = bytes[end.upperBound...]
        if fields["transfer-encoding"]?.lowercased() == "chunked" {
            let decoded = Self.joined(content)
            // What can't be decoded is shown as it is.
            body = decoded.bytes.isEmpty && !decoded.isWhole ? Array(content) : decoded.bytes
            isWhole = decoded.isWhole
        } else {
            let length = fields["content-length"].flatMap { Int($0) }
            body = Array(content)
            isWhole = content.count >= length ?? 0
        }
    }

    /// The head's fields, by their names in lower case.
    private static func fields(_ head: ArraySlice<UInt8>) -> [String: String] {
        var fields: [String: String] = [:]
        for line in head.split(separator: 10).dropFirst() {
            guard let colon = line.firstIndex(of: UInt8(ascii: ":")) else { continue }
            let name = String(decoding: line[..<colon], as: UTF8.self).lowercased()
            let value = line[(colon + 1)...].drop { $0 == 32 || $0 == 9 }
                .prefix { $0 != 13 && $0 != 32 }
            fields[name] = String(decoding: value, as: UTF8.self)
        }
        return fields
    }

    /// The chunks' content (RFC 9112, 7.1), and whether the last chunk, of no bytes, has come.
    private static func joined(_ content: ArraySlice<UInt8>) -> (bytes: [UInt8], isWhole: Bool) {
        var bytes: [UInt8] = []
        var rest = content
        while let end = rest.firstRange(of: [13, 10]) {
            // Behind a semicolon are extensions.
            let digits = rest[..<end.lowerBound].prefix {
                $0 != UInt8(ascii: ";") && $0 != 32 && $0 != 9
            }
            guard digits.count <= 8,
                let count = Int(String(decoding: digits, as: UTF8.self), radix: 16), count >= 0
            else { break }
            if count == 0 { return (bytes, true) }
            rest = rest[end.upperBound...]
            bytes += rest.prefix(count)
            guard rest.count >= count + 2 else { break }
            rest = rest.dropFirst(count + 2)
        }
        return (bytes, false)
    }
}
