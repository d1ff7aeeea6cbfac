import Ledger

/// A JSON object as a token has it (RFC 8259): members by name, of which only the kinds of values are kept that tokens need.
///
/// Strict: a member that is there twice, what is no JSON, and values in more than `depthMaximum` levels make it no object.
/// That also keeps two readers of one token from understanding two things.
struct TokenObject {
    enum Value: Equatable {
        case text(String)
        case number(Double)

        /// A list of texts alone.
        case texts([String])

        /// Anything else, checked and passed over.
        case other
    }

    let members: [String: Value]

    /// Levels of objects and lists, the outermost counted.
    static let depthMaximum = 8

    /// `nil` when the bytes are not one object.
    init?(_ bytes: [UInt8]) {
        var reader = JSONValueReader(bytes, depthMaximum: Self.depthMaximum)
        guard case .object(let found)? = try? reader.whole() else { return nil }
        members = Dictionary(
            found.map { (String(decoding: $0.name, as: UTF8.self), Value($0.value)) },
            uniquingKeysWith: { $1 })
        // Names that differ in their bytes only are one here.
        guard members.count == found.count else { return nil }
    }

    /// `nil` when it is missing, or no text.
    func text(_ name: String) -> String? {
        if case .text(let text)? = members[name] { text } else { nil }
    }
}

extension TokenObject.Value {
    fileprivate init(_ value: JSONValue) {
        switch value {
        case .string(let text): self = .text(String(decoding: text, as: UTF8.self))
        case .word(let word):
            self = Double(String(decoding: word, as: UTF8.self)).map { .number($0) } ?? .other
        case .array(let elements):
            let texts = elements.compactMap { element -> String? in
                guard case .string(let text) = element else { return nil }
                return String(decoding: text, as: UTF8.self)
            }
            self = texts.count == elements.count ? .texts(texts) : .other
        case .object, .null: self = .other
        }
    }
}
