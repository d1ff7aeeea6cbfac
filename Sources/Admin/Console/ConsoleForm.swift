import Gateway
import HTTPTypes
import Hummingbird
import NIOCore

/// What a form of the console was sent with.
struct ConsoleForm: Sendable {
    let values: [String: String]

    /// The content of the one file that was chosen.
    let file: [UInt8]?

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
        let members: [Schema.Member] =
            if case .either(let forms) = schema.bare { forms.flatMap(\.members) } else {
                schema.members
            }
        return .object(Self.members(members, named: "", in: values))
    }

    /// Those that were filled in. A member of a member has both names, with a dot between: `messages.perSecond`. An object
    /// that may be missing is, when none of its members was filled in.
    private static func members(
        _ members: [Schema.Member], named prefix: String, in values: [String: String]
    ) -> [JSON.Member] {
        var (found, known): ([JSON.Member], Set<String>) = ([], [])
        for member in members where known.insert(member.name).inserted {
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
            let words = text.split { $0.isWhitespace || $0 == "," }
            return .array(words.map { value(String($0), element) })
        case .text, .choice, .object, .map, .either, .named, .noted: return .text(text)
        }
    }
}

extension ConsoleForm {
    /// Reads a form as browsers send it: `application/x-www-form-urlencoded`, or `multipart/form-data` (RFC 7578) with a
    /// file.
    init(_ request: Request, upTo maximum: Int, _ share: BodyBudget.Share) async throws {
        var bytes: [UInt8] = []
        var pieces = request.body.makeAsyncIterator()
        while let piece = try await Call.next(of: &pieces) {
            let length = bytes.count + piece.readableBytes
            guard length <= maximum else {
                throw Problem(
                    .requestTooLarge, "the request's body has more than \(maximum) bytes")
            }
            guard share.grow(to: length) else { throw Problem(.tooMuchAtOnce) }
            bytes.append(contentsOf: piece.readableBytesView)
        }
        switch request.type {
        case "application/x-www-form-urlencoded":
            self.init(values: Self.fields(of: bytes), file: nil)
        case "multipart/form-data":
            guard let boundary = Self.boundary(of: request.headers[.contentType] ?? ""),
                let form = Self(parts: bytes, boundary)
            else { throw Problem(.malformedRequest, "the form is malformed") }
            self = form
        default: throw Problem(.unsupportedMediaType, "a form is needed")
        }
    }

    private static func fields(of bytes: [UInt8]) -> [String: String] {
        var values: [String: String] = [:]
        for field in decoded(String(decoding: bytes, as: UTF8.self)) {
            values[field.name] = field.value
        }
        return values
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

    private init?(parts bytes: [UInt8], _ boundary: String) {
        let mark = Array("\r\n--\(boundary)".utf8)
        // The first mark has no line end of its own in front.
        let bytes = [13, 10] + bytes
        var (values, file): ([String: String], [UInt8]?) = ([:], nil)
        var marks: [Int] = []
        var index = 0
        while index + mark.count <= bytes.count {
            let isMark =
                bytes[index] == 13 && bytes[index..<(index + mark.count)].elementsEqual(mark)
            if isMark { marks.append(index) }
            index += isMark ? mark.count : 1
        }
        guard marks.count >= 2 else { return nil }
        for (start, end) in zip(marks, marks.dropFirst()) {
            let part = bytes[(start + mark.count + 2)..<max(end, start + mark.count + 2)]
            guard let split = Self.endOfHead(part) else { return nil }
            let head = String(decoding: part[..<split], as: UTF8.self)
            let content = part[(split + 4)...]
            guard let name = Self.parameter("name", of: head) else { return nil }
            if Self.parameter("filename", of: head) != nil {
                file = Array(content)
            } else {
                values[name] = String(decoding: content, as: UTF8.self)
            }
        }
        self.init(values: values, file: file)
    }

    private static func endOfHead(_ part: ArraySlice<UInt8>) -> Int? {
        guard part.count >= 4 else { return nil }
        return (part.startIndex...(part.endIndex - 4)).first { index in
            part[index..<(index + 4)].elementsEqual([13, 10, 13, 10])
        }
    }

    private static func parameter(_ name: String, of head: String) -> String? {
        guard let range = head.firstRange(of: "; \(name)=\"") else { return nil }
        return String(head[range.upperBound...].prefix { $0 != "\"" })
    }
}
