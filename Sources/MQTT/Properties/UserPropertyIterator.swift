public import Bytes

/// User properties in the order they were sent.
@frozen
public struct UserPropertyIterator: ~Escapable {
    @usableFromInline var walker: PropertyWalker

    @inlinable
    @_lifetime(copy bytes)
    init(_ bytes: Span<UInt8>) { walker = PropertyWalker(bytes) }

    @inlinable
    @_lifetime(copy self)
    @_lifetime(self: copy self)
    public mutating func next() -> UserProperty? {
        guard let entry = walker.next(.userProperty) else { return nil }
        var reader = ByteReader(walker.reader.bytes.extracting(entry.start + 1..<entry.end))
        guard let nameLength = reader.readUInt16(), let name = reader.readBytes(Int(nameLength)),
            let valueLength = reader.readUInt16(), let value = reader.readBytes(Int(valueLength))
        else { return nil }
        return UserProperty(name: name, value: value)
    }
}
