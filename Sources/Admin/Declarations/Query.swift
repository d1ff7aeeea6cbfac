/// The parameters of a request's query, all of them declared and of the right form.
///
/// They are read as forms write them (`application/x-www-form-urlencoded`): `+` is a space.
struct Query: Sendable {
    private var values: [String: String] = [:]

    /// Throws when a parameter is unknown, missing, given twice, or does not fit its schema.
    init(parsing text: String?, _ parameters: [Parameter]) throws(Problem) {
        for part in (text ?? "").split(separator: "&") {
            let ends = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard let name = Self.decoded(ends[0]), let value = Self.decoded(ends.dropFirst().first)
            else { throw .invalid("the query is not percent-encoded UTF-8") }
            guard let parameter = parameters.first(where: { $0.name == name }) else {
                throw .invalid("\(name): there is no such parameter here")
            }
            guard values.updateValue(value, forKey: name) == nil else {
                throw .invalid("\(name): is given twice")
            }
            try parameter.schema.check(text: value, at: name)
        }
        for parameter in parameters where parameter.isRequired && values[parameter.name] == nil {
            throw .invalid("\(parameter.name): is missing")
        }
    }

    subscript(name: String) -> String? { values[name] }

    private static func decoded(_ text: Substring?) -> String? {
        guard let text else { return "" }
        return String(percentEncoded: text.replacing("+", with: " "))
    }
}

extension String {
    /// RFC 3986, section 2.1; `nil` when a `%` is without its two digits, or the bytes are not UTF-8.
    init?(percentEncoded text: some StringProtocol) {
        var bytes: [UInt8] = []
        var rest = text.utf8[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            guard let high = rest.popFirst().flatMap(Self.digit),
                let low = rest.popFirst().flatMap(Self.digit)
            else { return nil }
            bytes.append(high << 4 | low)
        }
        self.init(validating: bytes, as: UTF8.self)
    }

    private static func digit(_ byte: UInt8) -> UInt8? {
        Character(Unicode.Scalar(byte)).hexDigitValue.map { UInt8($0) }
    }
}
