import Gateway
import HTTPTypes
import Hummingbird
import NIOCore

/// What a form of the console was sent with.
struct ConsoleForm: Sendable {
    let values: [String: String]

    /// The one file that was chosen, not read yet.
    let file: FormParts?

    /// The fields of one entry of a map: an empty value takes it away.
    static let entryKey = "_key"
    static let entryValue = "_value"

    subscript(name: String) -> String? { values[name] }

    /// The parts of the path: `p.pk`.
    var path: [String: String] {
        var path: [String: String] = [:]
        for (name, value) in values where name.hasPrefix("p.") {
            path[String(name.dropFirst(2))] = value
        }
        return path
    }

    /// The body that the operation takes: each field becomes what the operation's schema has under its name. A field
    /// that may be missing is, when it is empty. What does not fit stays a text, which the schema refuses in its own
    /// words.
    func json(for schema: Schema) -> JSON {
        if case .map = schema.bare {
            let value = values[Self.entryValue] ?? ""
            return .object([
                JSON.Member(
                    name: values[Self.entryKey] ?? "", value: value.isEmpty ? .null : .text(value))
            ])
        }
        return .object(
            Self.members(
                schema.allMembers(named: Set(values.keys)), named: "", in: values))
    }

    /// Those that were filled in. A member of a member has both names, with a dot between: `messages.perSecond`. An object
    /// that may be missing is, when none of its members was filled in.
    private static func members(
        _ members: [Schema.Member], named prefix: String, in values: [String: String]
    ) -> [JSON.Member] {
        var found: [JSON.Member] = []
        for member in members {
            let name = prefix + member.name
            if !member.schema.members.isEmpty {
                let inner = Self.members(member.schema.members, named: "\(name).", in: values)
                if !inner.isEmpty || member.isRequired {
                    found.append(JSON.Member(name: member.name, value: .object(inner)))
                }
                continue
            }
            guard let text = values[name], !text.isEmpty || member.isRequired && prefix.isEmpty
            else {
                continue
            }
            found.append(JSON.Member(name: member.name, value: value(text, member.schema)))
        }
        return found
    }

    private static func value(_ text: String, _ schema: Schema) -> JSON {
        switch schema.bare {
        case .integer: return Int64(text).map { .integer($0) } ?? .text(text)
        case .flag: return text == "true" ? true : text == "false" ? false : .text(text)
        case .optional(let inner), .nullable(let inner): return value(text, inner)
        case .list(let element, _):
            // One a line, where a value may have spaces and commas itself.
            let isByLine =
                if case .text(let rule) = element.bare { rule.allows("a, b") } else { false }
            let words = text.split { $0.isNewline || !isByLine && ($0.isWhitespace || $0 == ",") }
            return .array(words.map { value(String($0), element) })
        case .object: return JSON(parsing: Array(text.utf8)) ?? .text(text)
        case .text, .choice, .map, .either, .named, .noted: return .text(text)
        }
    }
}

extension ConsoleForm {
    /// Reads a form as browsers send it: `application/x-www-form-urlencoded`, or `multipart/form-data` (RFC 7578), up to
    /// its file.
    init(_ request: Request, upTo maximum: Int, _ share: BodyBudget.Share) async throws {
        switch request.type {
        case "application/x-www-form-urlencoded":
            var bytes: [UInt8] = []
            var pieces = request.body.makeAsyncIterator()
            while let piece = try await Call.next(of: &pieces) {
                try share.hold(bytes.count + piece.readableBytes, upTo: maximum)
                bytes.append(contentsOf: piece.readableBytesView)
            }
            self.init(values: Self.fields(of: bytes), file: nil)
        case "multipart/form-data":
            guard let boundary = Self.boundary(of: request.headers[.contentType] ?? "") else {
                throw FormParts.malformed
            }
            let parts = FormParts(request.body, boundary: boundary, upTo: maximum)
            try share.hold(parts.fieldsMaximum, upTo: maximum)
            let (values, hasFile) = try await parts.fields()
            self.init(values: values, file: hasFile ? parts : nil)
        default: throw Problem(.unsupportedMediaType, "a form is needed")
        }
    }

    /// A name that comes more than once has all its values, one a line, but for empty ones.
    static func fields(of bytes: [UInt8]) -> [String: String] {
        var values: [String: [String]] = [:]
        for field in decoded(String(decoding: bytes, as: UTF8.self)) {
            values[field.name, default: []].append(field.value)
        }
        // Of a list, each box that was ticked comes with the list's name.
        return values.mapValues { all in
            all.count == 1 ? all[0] : all.filter { !$0.isEmpty }.joined(separator: "\n")
        }
    }

    /// `a=b&c=d`; what is not UTF-8, or has a `%` without its digits, is left out. Line ends are line feeds.
    static func decoded(_ text: String) -> ConsoleRequest.Fields {
        text.split(separator: "&").compactMap { pair in
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let texts = parts.map { String(percentEncoded: $0.replacing("+", with: " ")) }
            guard let name = texts[0], let value = texts.count > 1 ? texts[1] : "" else {
                return nil
            }
            return (name, value.replacing("\r\n", with: "\n"))
        }
    }

    private static func boundary(of type: String) -> String? {
        for part in type.split(separator: ";").dropFirst() {
            let text = part.drop { $0 == " " }
            guard text.lowercased().hasPrefix("boundary=") else { continue }
            let value = text.dropFirst(9).filter { $0 != "\"" }
            return (1...70).contains(value.utf8.count) ? String(value) : nil
        }
        return nil
    }
}
