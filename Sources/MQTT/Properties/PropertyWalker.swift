public import Bytes

/// Steps through properties that have been validated, in their order.
@frozen
@usableFromInline
struct PropertyWalker: ~Escapable {
    @usableFromInline var reader: ByteReader

    /// Where one property stands: its identifier is at `start`, its value at `start + 1`.
    @frozen
    @usableFromInline
    struct Entry {
        @usableFromInline let id: PropertyID
        @usableFromInline let start: Int
        @usableFromInline let end: Int

        @inlinable
        init(id: PropertyID, start: Int, end: Int) {
            self.id = id
            self.start = start
            self.end = end
        }
    }

    @inlinable
    @_lifetime(copy bytes)
    init(_ bytes: Span<UInt8>) { reader = ByteReader(bytes) }

    @inlinable
    @_lifetime(self: copy self)
    mutating func next() -> Entry? {
        let start = reader.offset
        guard let byte = reader.readUInt8() else { return nil }
        guard let id = PropertyID(rawValue: byte) else {
            preconditionFailure("properties are walked only after they were validated")
        }
        skip(id.representation)
        return Entry(id: id, start: start, end: reader.offset)
    }

    /// The next property with that identifier.
    @inlinable
    @_lifetime(self: copy self)
    mutating func next(_ id: PropertyID) -> Entry? {
        while let entry = next() {
            if entry.id == id { return entry }
        }
        return nil
    }

    @inlinable
    @_lifetime(self: copy self)
    mutating func skip(_ representation: PropertyRepresentation) {
        switch representation {
        case .boolean: skip(1)
        case .twoByteInteger: skip(2)
        case .fourByteInteger: skip(4)
        case .variableByteInteger:
            while let byte = reader.readUInt8(), byte >= 0x80 {}
        case .string, .binary: skipCounted()
        case .stringPair:
            skipCounted()
            skipCounted()
        }
    }

    @inlinable
    @_lifetime(self: copy self)
    mutating func skip(_ count: Int) { _ = reader.readBytes(count) }

    @inlinable
    @_lifetime(self: copy self)
    mutating func skipCounted() { skip(Int(reader.readUInt16() ?? 0)) }
}
