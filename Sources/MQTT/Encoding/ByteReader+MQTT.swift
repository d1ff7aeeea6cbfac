public import Bytes

/// MQTT's data representations (1.5). Each throws when the bytes are not there or break a rule of
/// that representation; offsets count from the start of the reader's bytes.
extension ByteReader {
    @inlinable
    @_lifetime(self: copy self)
    mutating func requireUInt8() throws(DecodingError) -> UInt8 {
        guard let value = readUInt8() else { throw DecodingError(.truncated, at: offset) }
        return value
    }

    @inlinable
    @_lifetime(self: copy self)
    mutating func requireUInt16() throws(DecodingError) -> UInt16 {
        guard let value = readUInt16() else { throw DecodingError(.truncated, at: offset) }
        return value
    }

    @inlinable
    @_lifetime(self: copy self)
    mutating func requireUInt32() throws(DecodingError) -> UInt32 {
        guard let value = readUInt32() else { throw DecodingError(.truncated, at: offset) }
        return value
    }

    /// 1.5.5.
    @inlinable
    @_lifetime(self: copy self)
    mutating func requireVariableByteInteger() throws(DecodingError) -> Int {
        let rest = bytes.extracting(offset..<bytes.count)
        switch VariableByteInteger.decode(rest) {
        case .value(let value, let size):
            _ = readBytes(size)
            return value
        case .incomplete: throw DecodingError(.truncated, at: offset)
        case .tooLong: throw DecodingError(.variableByteIntegerTooLong, at: offset)
        case .notMinimal: throw DecodingError(.variableByteIntegerNotMinimal, at: offset)
        }
    }

    /// 1.5.6.
    @inlinable
    @_lifetime(copy self)
    @_lifetime(self: copy self)
    mutating func requireBinary() throws(DecodingError) -> Span<UInt8> {
        let start = offset
        guard let count = readUInt16(), let value = readBytes(Int(count)) else {
            throw DecodingError(.truncated, at: start)
        }
        return value
    }

    /// 1.5.4.
    @inlinable
    @_lifetime(copy self)
    @_lifetime(self: copy self)
    mutating func requireString() throws(DecodingError) -> Span<UInt8> {
        let start = offset
        let value = try requireBinary()
        if let violation = UTF8Rules.violation(in: value) {
            throw DecodingError(violation, at: start)
        }
        return value
    }

    /// 2.2.1: a packet identifier, which is not 0.
    @inlinable
    @_lifetime(self: copy self)
    mutating func requirePacketID() throws(DecodingError) -> UInt16 {
        let value = try requireUInt16()
        guard value != 0 else { throw DecodingError(.packetIdentifierZero, at: offset - 2) }
        return value
    }

    /// A reason code that packets of `type` can have (table 2-6).
    @inlinable
    @_lifetime(self: copy self)
    mutating func requireReasonCode(in type: PacketType) throws(DecodingError) -> ReasonCode {
        let value = try requireUInt8()
        guard let reason = ReasonCode(rawValue: value), reason.isAllowed(in: type) else {
            throw DecodingError(.reasonCodeNotAllowed, at: offset - 1)
        }
        return reason
    }

    /// A topic filter or shared subscription (4.7, 4.8.2).
    @inlinable
    @_lifetime(copy self)
    @_lifetime(self: copy self)
    mutating func requireTopicFilter() throws(DecodingError) -> TopicFilter {
        let start = offset
        let text = try requireBinary()
        do throws(DecodingError) {
            return try TopicFilter(text)
        } catch {
            throw DecodingError(error.violation, at: start + 2 + error.offset)
        }
    }

    @inlinable
    func requireEnd() throws(DecodingError) {
        guard isAtEnd else { throw DecodingError(.trailingBytes, at: offset) }
    }
}
