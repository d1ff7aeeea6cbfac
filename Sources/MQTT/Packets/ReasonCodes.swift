/// The reason codes of a SUBACK or UNSUBACK, borrowed and valid, one for each topic filter in the
/// order of the request [MQTT-3.9.3-1].
@frozen
public struct ReasonCodes: ~Escapable {
    @usableFromInline let bytes: Span<UInt8>

    /// No codes: an UNSUBACK of MQTT 3.1.1.
    @inlinable
    @_lifetime(immortal)
    init() { bytes = Span() }

    @inlinable
    @_lifetime(copy bytes)
    init(
        _ bytes: Span<UInt8>,
        of type: PacketType,
        version: ProtocolVersion,
        offset: Int
    ) throws(DecodingError) {
        if bytes.isEmpty { throw DecodingError(.reasonCodesMissing, at: offset) }
        for index in bytes.indices {
            guard let code = ReasonCode(rawValue: bytes[index]), code.isAllowed(in: type),
                version == .v5 || code.rawValue <= 0x80
            else { throw DecodingError(.reasonCodeNotAllowed, at: offset + index) }
        }
        self.bytes = bytes
    }

    @inlinable
    public var count: Int { bytes.count }

    /// Traps outside `0..<count`.
    @inlinable
    public subscript(index: Int) -> ReasonCode {
        ReasonCode(rawValue: bytes[index]) ?? .unspecifiedError
    }
}
