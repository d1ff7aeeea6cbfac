package import Bytes
package import Encoding

/// Why a text is no document of a device's state, or no patch of one.
public enum StateFault: Error, Hashable, Sendable, CaseIterable {
    case notUTF8
    case notJSON

    /// The value is another one than an object.
    case notObject

    /// One object has a name twice: readers do not agree on which one counts.
    case repeatedName
    case nameTooLong
    case tooDeep

    /// The text, or the document that it would make.
    case tooLarge

    /// For people: a clause.
    public var text: String {
        switch self {
        case .notUTF8: "it is not UTF-8"
        case .notJSON: "it is not JSON"
        case .notObject: "it is not a JSON object"
        case .repeatedName: "an object has one name twice"
        case .nameTooLong: "a name has \(StateDocument.nameMaximum) bytes at most"
        case .tooDeep: "objects and arrays are nested more than \(StateDocument.depthMaximum) deep"
        case .tooLarge:
            "a document has \(StateDocument.byteMaximum) bytes at most, written without spaces"
        }
    }
}

/// One of the two documents of a device's state, what it is to be or what it says that it is: a JSON object
/// (RFC 8259). No member of an object in it is null, as a merge patch takes such a member away (RFC 7396).
public struct StateDocument: Hashable, Sendable {
    /// Of `text`.
    public static var byteMaximum: Int { 8_192 }

    /// Of objects and arrays in each other, the document itself among them.
    public static var depthMaximum: Int { 8 }

    /// Of a member's name, in bytes of UTF-8.
    public static var nameMaximum: Int { 256 }

    public static let empty = StateDocument(text: "{}")

    /// JSON without spaces. Members keep the order in which they came, and numbers their digits.
    public let text: String

    private init(text: String) { self.text = text }

    /// This with the patch applied to it (RFC 7396); throws `.tooLarge` when the outcome is over the limit.
    public func merging(_ patch: StatePatch) throws(StateFault) -> StateDocument {
        var reader = JSONValueReader(Array(text.utf8), depthMaximum: Self.depthMaximum)
        let merged = patch.value.applied(to: try reader.whole())
        var bytes: [UInt8] = []
        merged.append(to: &bytes)
        guard bytes.count <= Self.byteMaximum else { throw .tooLarge }
        return StateDocument(text: String(decoding: bytes, as: UTF8.self))
    }
}

/// A change of a document: members that are null go, others are merged or take the place of what was there
/// (RFC 7396).
public struct StatePatch: Hashable, Sendable {
    let value: JSONValue

    init(_ value: JSONValue) { self.value = value }

    /// Reads an object of at most `StateDocument.byteMaximum` bytes without spaces.
    public init(json bytes: [UInt8]) throws(StateFault) {
        var reader = JSONValueReader(bytes, depthMaximum: StateDocument.depthMaximum)
        try self.init(checked: try reader.whole())
    }

    /// A patch takes no more room than a document: it is in a command, or in one packet.
    init(checked value: JSONValue) throws(StateFault) {
        guard case .object = value else { throw .notObject }
        self.value = value
        guard text.utf8.count <= StateDocument.byteMaximum else { throw .tooLarge }
    }

    /// JSON without spaces.
    public var text: String {
        var bytes: [UInt8] = []
        value.append(to: &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }
}

/// What a device says of its state: a JSON object with these members.
public struct StateReport: Hashable, Sendable {
    /// `reported`; without it nothing of the document changes.
    public let patch: StatePatch?

    /// `version`: it is to be carried out only when the reported document has this version.
    public let expected: UInt64?

    /// `desiredVersion`: the desired document that the device has, so that it need not be sent again.
    public let desired: UInt64?

    /// In bytes, of the text: room for a patch with spaces.
    public static var byteMaximum: Int { 2 * StateDocument.byteMaximum }

    public init(json bytes: [UInt8]) throws(StateFault) {
        guard bytes.count <= Self.byteMaximum else { throw .tooLarge }
        var reader = JSONValueReader(bytes, depthMaximum: StateDocument.depthMaximum + 1)
        guard case .object(let members) = try reader.whole() else { throw .notObject }
        var patch: StatePatch?
        var (expected, desired): (UInt64?, UInt64?)
        for member in members {
            switch String(decoding: member.name, as: UTF8.self) {
            case "reported": patch = try StatePatch(checked: member.value)
            case "version": expected = try member.value.count()
            case "desiredVersion": desired = try member.value.count()
            default: throw .notJSON
            }
        }
        self.patch = patch
        self.expected = expected
        self.desired = desired
    }
}

extension StateDocument: RecordField {
    package func encode(into buffer: inout ByteBuffer) { buffer.append(text: text) }

    package init(from reader: inout ByteReader) throws(MalformedRecord) {
        let text = try reader.takeText()
        guard let patch = try? StatePatch(json: Array(text.utf8)),
            let document = try? StateDocument.empty.merging(patch), document.text == text
        else { throw .malformed(what: "document of a device's state") }
        self = document
    }
}

extension StatePatch: RecordField {
    package func encode(into buffer: inout ByteBuffer) { buffer.append(text: text) }

    package init(from reader: inout ByteReader) throws(MalformedRecord) {
        guard let patch = try? StatePatch(json: Array(try reader.takeText().utf8)) else {
            throw .malformed(what: "patch of a device's state")
        }
        self = patch
    }
}
