/// Finds packets in a stream of bytes, storing nothing.
@frozen
public enum Framing: Sendable, Equatable {
    /// A whole packet is there: `totalLength` bytes, its body after the first `headerLength`.
    case packet(FixedHeader, headerLength: Int, totalLength: Int)

    /// More bytes are needed, and what is there breaks no rule yet.
    case incomplete

    /// The packet at the start of `bytes`, which may hold the beginning of one or more than one.
    ///
    /// Every rule is checked with the first byte that can break it: type and flags with byte 1,
    /// the size as soon as the remaining length is known, before any of the body has arrived.
    /// - Parameter maximumPacketSize: bytes, the fixed header among them, as the Maximum Packet
    ///   Size property counts them (3.1.2.11.4).
    /// - Throws: `DecodingError`, whose offset counts from the start of the packet.
    @inlinable
    @inline(__always)
    public static func next(
        in bytes: Span<UInt8>,
        maximumPacketSize: Int
    ) throws(DecodingError) -> Framing {
        guard bytes.count >= 2 else {
            if bytes.count == 1 { _ = try FixedHeader(firstByte: bytes[0], remainingLength: 0) }
            return .incomplete
        }
        var length = Int(bytes[1])
        var headerLength = 2
        if length >= 0x80 {
            let decoded = try lengthOfSeveralBytes(bytes)
            guard let decoded else {
                _ = try FixedHeader(firstByte: bytes[0], remainingLength: 0)
                return .incomplete
            }
            length = decoded.value
            headerLength = 1 + decoded.size
        }
        let header = try FixedHeader(firstByte: bytes[0], remainingLength: length)
        let totalLength = headerLength + length
        guard totalLength <= maximumPacketSize else {
            throw DecodingError(.packetTooLarge, at: 1)
        }
        if length > 0, header.type == .pingreq || header.type == .pingresp {
            throw DecodingError(.trailingBytes, at: headerLength)
        }
        guard bytes.count >= totalLength else { return .incomplete }
        return .packet(header, headerLength: headerLength, totalLength: totalLength)
    }

    /// A remaining length of two to four bytes, or nil while its last byte is missing.
    @usableFromInline
    static func lengthOfSeveralBytes(
        _ bytes: Span<UInt8>
    ) throws(DecodingError) -> (value: Int, size: Int)? {
        switch VariableByteInteger.decode(bytes.extracting(1..<bytes.count)) {
        case .value(let value, let size): return (value, size)
        case .incomplete: return nil
        case .tooLong: throw DecodingError(.variableByteIntegerTooLong, at: 1)
        case .notMinimal: throw DecodingError(.variableByteIntegerNotMinimal, at: 1)
        }
    }
}
