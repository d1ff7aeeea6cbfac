package import Bytes
package import Encoding

/// What a command does with metadata.
public enum MetadataAction: Hashable, Sendable {
    /// Keys that are not among the edits stay as they are (RFC 7396).
    case merge(MetadataOwner, [MetadataEdit])
}

extension MetadataAction: ActionPart {
    enum Tag: UInt16, RecordTag { case merge = 110 }

    package func encode(into buffer: inout ByteBuffer) {
        switch self {
        case .merge(let owner, let edits): buffer.append(Tag.merge, owner, edits)
        }
    }

    package init(from reader: inout ByteReader) throws(MalformedRecord) {
        self =
            switch try reader.takeTag(of: Self.self) {
            case .merge: try reader.make(Self.merge)
            }
    }

    var asked: MetadataAction {
        switch self {
        case .merge: self
        }
    }
}

/// A fact about metadata. What goes with its owner is in no event of its own.
public enum MetadataChange: Hashable, Sendable {
    /// By key; only keys whose value is another one than before.
    case merged(MetadataOwner, [MetadataEdit])
}

extension MetadataChange: ChangePart {
    enum Tag: UInt16, RecordTag { case merged = 110 }

    package func encode(into buffer: inout ByteBuffer) {
        switch self {
        case .merged(let owner, let edits): buffer.append(Tag.merged, owner, edits)
        }
    }

    package init(from reader: inout ByteReader) throws(MalformedRecord) {
        self =
            switch try reader.takeTag(of: Self.self) {
            case .merged: try reader.make(Self.merged)
            }
    }

    var name: String {
        switch self {
        case .merged: "metadata-changed"
        }
    }
}

/// Why metadata can't be changed.
public enum MetadataRefusal: Hashable, Sendable {
    case tooMuch(maximum: UInt32)
}

extension MetadataRefusal: RefusalPart {
    enum Tag: UInt16, RecordTag { case tooMuch = 110 }

    package func encode(into buffer: inout ByteBuffer) {
        switch self {
        case .tooMuch(let maximum): buffer.append(Tag.tooMuch, maximum)
        }
    }

    package init(from reader: inout ByteReader) throws(MalformedRecord) {
        self =
            switch try reader.takeTag(of: Self.self) {
            case .tooMuch: try reader.make(Self.tooMuch)
            }
    }

    public var description: String {
        switch self {
        case .tooMuch(let maximum):
            "an account, product or device has metadata under \(maximum) keys at most"
        }
    }
}
