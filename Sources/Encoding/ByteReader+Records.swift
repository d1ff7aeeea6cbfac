public import Bytes

/// What the `append…` helpers on `ByteBuffer` wrote; each throws when it is not there.
extension ByteReader {
    @inlinable
    @_lifetime(self: copy self)
    public mutating func takeUInt8() throws(MalformedRecord) -> UInt8 {
        guard let value = readUInt8() else { throw .malformed(what: "byte") }
        return value
    }

    @inlinable
    @_lifetime(self: copy self)
    public mutating func takeUInt16() throws(MalformedRecord) -> UInt16 {
        guard let value = readUInt16() else { throw .malformed(what: "16-bit integer") }
        return value
    }

    @inlinable
    @_lifetime(self: copy self)
    public mutating func takeUInt32() throws(MalformedRecord) -> UInt32 {
        guard let value = readUInt32() else { throw .malformed(what: "32-bit integer") }
        return value
    }

    @inlinable
    @_lifetime(self: copy self)
    public mutating func takeUInt64() throws(MalformedRecord) -> UInt64 {
        guard let value = readUInt64() else { throw .malformed(what: "64-bit integer") }
        return value
    }

    /// 0 or 1; nothing else.
    @inlinable
    @_lifetime(self: copy self)
    public mutating func takeBool() throws(MalformedRecord) -> Bool {
        switch readUInt8() {
        case 0: return false
        case 1: return true
        default: throw .malformed(what: "boolean")
        }
    }

    /// At most 10 bytes, and at most 64 bits.
    @inlinable
    @_lifetime(self: copy self)
    public mutating func takeVarint() throws(MalformedRecord) -> UInt64 {
        var value: UInt64 = 0
        var shift: UInt64 = 0
        while let byte = readUInt8() {
            let bits = UInt64(byte & 0x7F)
            guard shift < 63 || bits <= 1 else { break }
            value |= bits << shift
            if byte < 0x80 { return value }
            shift += 7
            guard shift <= 63 else { break }
        }
        throw .malformed(what: "varint")
    }

    @inlinable
    @_lifetime(self: copy self)
    public mutating func takeSignedVarint() throws(MalformedRecord) -> Int64 {
        let bits = try takeVarint()
        return Int64(bitPattern: bits >> 1) ^ -Int64(bitPattern: bits & 1)
    }

    /// Bytes with their length before them, borrowed.
    @inlinable
    @_lifetime(copy self)
    @_lifetime(self: copy self)
    public mutating func takeCounted() throws(MalformedRecord) -> Span<UInt8> {
        let count = try takeVarint()
        guard count <= UInt64(remaining), let bytes = readBytes(Int(count)) else {
            throw .malformed(what: "counted bytes")
        }
        return bytes
    }

    /// UTF-8 with its length before it.
    @inlinable
    @_lifetime(self: copy self)
    public mutating func takeText() throws(MalformedRecord) -> String {
        let bytes = try takeCounted()
        guard let utf8 = try? UTF8Span(validating: bytes) else {
            throw .malformed(what: "text")
        }
        return String(copying: utf8)
    }

    /// Nil, or what `body` reads.
    @inlinable
    @_lifetime(self: copy self)
    public mutating func takeOptional<Wrapped>(
        _ body: (inout ByteReader) throws(MalformedRecord) -> Wrapped
    ) throws(MalformedRecord) -> Wrapped? {
        try takeBool() ? try body(&self) : nil
    }

    /// As many elements as the count before them says, each read by `body`, which must read at
    /// least one byte: a count larger than the bytes left is malformed, not an allocation.
    @inlinable
    @_lifetime(self: copy self)
    public mutating func takeList<Element>(
        _ body: (inout ByteReader) throws(MalformedRecord) -> Element
    ) throws(MalformedRecord) -> [Element] {
        let count = try takeVarint()
        guard count <= UInt64(remaining) else { throw .malformed(what: "list") }
        var list: [Element] = []
        list.reserveCapacity(Int(count))
        for _ in 0..<count { list.append(try body(&self)) }
        return list
    }
}
