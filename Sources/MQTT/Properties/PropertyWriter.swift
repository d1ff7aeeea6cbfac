public import Bytes

/// Writes properties into a packet that is being encoded, behind a length that is filled in at the
/// end. It holds the packet's buffer meanwhile.
///
/// Our own mistakes trap: a property that can't stand there, one given twice, a value out of its
/// range. Strings must be what `UTF8Rules` ask for, of at most 65,535 bytes.
@frozen
public struct PropertyWriter: ~Copyable {
    @usableFromInline var buffer: ByteBuffer
    @usableFromInline let place: PropertyPlace
    @usableFromInline var present: PropertySet = []

    @inlinable
    init(_ buffer: consuming ByteBuffer, in place: PropertyPlace) {
        self.buffer = buffer
        self.place = place
    }

    /// Appends what `body` writes, its length first (2.2.2); answers whether that is anything.
    @inlinable
    @discardableResult
    public static func write(
        into buffer: inout ByteBuffer,
        in place: PropertyPlace,
        _ body: (inout PropertyWriter) -> Void
    ) -> Bool {
        let mark = buffer.beginLength(expecting: 0)
        var writer = PropertyWriter(buffer, in: place)
        body(&writer)
        let isEmpty = writer.present.isEmpty
        buffer = writer.finish()
        buffer.endLength(mark)
        return !isEmpty
    }

    @inlinable
    consuming func finish() -> ByteBuffer { buffer }

    /// Copies properties, as they were sent and in their order, but those in `excluded`.
    @inlinable
    public mutating func append(
        contentsOf view: PropertyView, excluding excluded: PropertySet = []
    ) {
        if view.present.isDisjoint(with: excluded) && present.isDisjoint(with: view.present) {
            precondition(view.present.isAllowed(in: place), "properties of another packet")
            buffer.append(view.bytes)
            present.formUnion(view.present)
            return
        }
        var walker = PropertyWalker(view.bytes)
        while let entry = walker.next() {
            guard !excluded.contains(entry.id) else { continue }
            note(entry.id)
            buffer.append(view.bytes.extracting(entry.start..<entry.end))
        }
    }

    @inlinable
    mutating func begin(_ id: PropertyID) {
        note(id)
        buffer.append(id.rawValue)
    }

    @inlinable
    mutating func note(_ id: PropertyID) {
        precondition(id.isAllowed(in: place), "a property that can't stand in this packet")
        precondition(
            !present.contains(id) || id.isRepeatable(in: place),
            "a property that can't be repeated"
        )
        present.insert(PropertySet(id))
    }

    @inlinable
    mutating func append(_ id: PropertyID, _ value: Bool) {
        begin(id)
        buffer.append(value ? 1 : 0 as UInt8)
    }

    @inlinable
    mutating func append(_ id: PropertyID, _ value: UInt16) {
        begin(id)
        buffer.append(value)
    }

    @inlinable
    mutating func append(_ id: PropertyID, _ value: UInt32) {
        begin(id)
        buffer.append(value)
    }

    @inlinable
    mutating func append(_ id: PropertyID, _ value: Span<UInt8>) {
        begin(id)
        buffer.appendCounted(value)
    }
}
