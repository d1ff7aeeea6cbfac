public import Bytes

/// The properties of a packet or a will, borrowed and valid: each is allowed there, has a value in
/// its range, and stands once unless it may be repeated. Nothing is copied.
@frozen
public struct PropertyView: ~Escapable, BitwiseCopyable {
    /// The properties as they were sent, without the length before them.
    public let bytes: Span<UInt8>

    /// Which properties there are.
    public let present: PropertySet

    /// No properties: what every MQTT 3.1.1 packet has.
    @inlinable
    @_lifetime(immortal)
    public init() {
        bytes = Span()
        present = []
    }

    /// Takes properties that were validated before.
    @inlinable
    @_lifetime(copy bytes)
    init(unchecked bytes: Span<UInt8>, present: PropertySet) {
        self.bytes = bytes
        self.present = present
    }

    /// Validates properties that stand without a length before them, as `bytes` gives them.
    @inlinable
    @_lifetime(copy bytes)
    public init(validating bytes: Span<UInt8>, in place: PropertyPlace) throws(DecodingError) {
        self.bytes = bytes
        present = try Self.validate(bytes, in: place, offset: 0)
    }

    /// Reads the length and the properties it counts (2.2.2).
    @inlinable
    @_lifetime(copy reader)
    @_lifetime(reader: copy reader)
    init(reading reader: inout ByteReader, in place: PropertyPlace) throws(DecodingError) {
        let start = reader.offset
        let length = try reader.requireVariableByteInteger()
        let first = reader.offset
        guard let bytes = reader.readBytes(length) else {
            throw DecodingError(.truncated, at: start)
        }
        self.bytes = bytes
        present = length == 0 ? [] : try Self.validate(bytes, in: place, offset: first)
    }

    @inlinable
    public var isEmpty: Bool { bytes.isEmpty }

    @inlinable
    @inline(__always)
    public func contains(_ id: PropertyID) -> Bool { present.contains(id) }

    /// Which properties `bytes` are, if they break no rule; `offset` is added to that of an error.
    @usableFromInline
    static func validate(
        _ bytes: Span<UInt8>,
        in place: PropertyPlace,
        offset: Int
    ) throws(DecodingError) -> PropertySet {
        var reader = ByteReader(bytes)
        var present: PropertySet = []
        while let byte = reader.readUInt8() {
            let start = reader.offset - 1
            do throws(DecodingError) {
                guard let id = PropertyID(rawValue: byte) else {
                    throw DecodingError(.unknownProperty, at: start)
                }
                guard id.isAllowed(in: place) else {
                    throw DecodingError(.propertyNotAllowed, at: start)
                }
                if present.contains(id) && !id.isRepeatable(in: place) {
                    throw DecodingError(.duplicateProperty, at: start)
                }
                present.insert(PropertySet(id))
                try validateValue(of: id, reading: &reader)
            } catch {
                throw DecodingError(error.violation, at: offset + error.offset)
            }
        }
        if present.contains(.authenticationData) && !present.contains(.authenticationMethod) {
            throw DecodingError(.authenticationMethodMissing, at: offset)
        }
        return present
    }

    @_lifetime(reader: copy reader)
    static func validateValue(
        of id: PropertyID,
        reading reader: inout ByteReader
    ) throws(DecodingError) {
        let start = reader.offset
        switch id.representation {
        case .boolean:
            if try reader.requireUInt8() > 1 { throw DecodingError(.booleanOutOfRange, at: start) }
        case .twoByteInteger:
            let value = try reader.requireUInt16()
            if value == 0 && id == .receiveMaximum {
                throw DecodingError(.receiveMaximumZero, at: start)
            }
            if value == 0 && id == .topicAlias { throw DecodingError(.topicAliasZero, at: start) }
        case .fourByteInteger:
            let value = try reader.requireUInt32()
            if value == 0 && id == .maximumPacketSize {
                throw DecodingError(.maximumPacketSizeZero, at: start)
            }
        case .variableByteInteger:
            if try reader.requireVariableByteInteger() == 0 {
                throw DecodingError(.subscriptionIdentifierZero, at: start)
            }
        case .string:
            let value = try reader.requireString()
            if id == .responseTopic && TopicName.violation(in: value) != nil {
                throw DecodingError(.responseTopicInvalid, at: start)
            }
        case .binary: _ = try reader.requireBinary()
        case .stringPair:
            _ = try reader.requireString()
            _ = try reader.requireString()
        }
    }
}

/// Steps through properties that have been validated, in their order.
@frozen
@usableFromInline
struct PropertyWalker: ~Escapable, BitwiseCopyable {
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
