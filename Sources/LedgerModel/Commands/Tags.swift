import Bytes
import Encoding

/// The number that says which case of an enumeration its bytes are: one byte or, above 255, two, of
/// which the first is common to several cases.
///
/// Tags are fixed for good: that of a removed case is not used again. The areas of the actions share
/// one space of first bytes, and so do those of the changes and those of the refusals.
protocol RecordTag: RawRepresentable<UInt16>, CaseIterable, Sendable {}

/// An enumeration of which each case is its tag, then its values in order.
protocol TaggedRecord: RecordField {
    associatedtype Tag: RecordTag
}

extension ByteBuffer {
    mutating func append<each Field: RecordField>(
        _ tag: some RecordTag,
        _ field: repeat each Field
    ) {
        if tag.rawValue > 0xFF { append(UInt8(tag.rawValue >> 8)) }
        append(UInt8(truncatingIfNeeded: tag.rawValue))
        repeat (each field).encode(into: &self)
    }
}

extension ByteReader {
    @_lifetime(self: copy self)
    mutating func takeTag<Record: TaggedRecord>(
        of type: Record.Type
    ) throws(MalformedRecord) -> Record.Tag {
        guard let tag = readTag(of: type) else { throw .malformed(what: "\(type)") }
        return tag
    }

    /// `nil`, and nothing is read, when the tag that comes next is none of this enumeration's.
    @_lifetime(self: copy self)
    mutating func takeNext<Record: TaggedRecord>() throws(MalformedRecord) -> Record? {
        var ahead = self
        return ahead.readTag(of: Record.self) == nil ? nil : try take(Record.self)
    }

    @_lifetime(self: copy self)
    private mutating func readTag<Record: TaggedRecord>(of type: Record.Type) -> Record.Tag? {
        guard let first = readUInt8() else { return nil }
        if let tag = Record.Tag(rawValue: UInt16(first)) { return tag }
        return readUInt8().flatMap { Record.Tag(rawValue: UInt16(first) << 8 | UInt16($0)) }
    }
}
