public import Bytes

/// SUBACK (3.9): for each topic filter of a SUBSCRIBE, the QoS granted or why not.
@frozen
public struct Suback: ~Escapable, BitwiseCopyable {
    /// Not 0.
    public let packetID: UInt16

    /// Empty in MQTT 3.1.1.
    public let properties: PropertyView

    /// Granted QoS or a failure, at least one; in MQTT 3.1.1 the only failure is 0x80.
    public let reasons: ReasonCodes

    @inlinable
    @_lifetime(copy body)
    public init(decoding body: Span<UInt8>, version: ProtocolVersion) throws(DecodingError) {
        var reader = ByteReader(body)
        packetID = try reader.requirePacketID()
        properties =
            version == .v5 ? try PropertyView(reading: &reader, in: .suback) : PropertyView()
        let offset = reader.offset
        reasons = try ReasonCodes(
            reader.readRemaining(), of: .suback, version: version, offset: offset
        )
    }

    /// Appends the packet; in 3.1.1 every failure is 0x80.
    @inlinable
    public static func encode(
        packetID: UInt16,
        reasons: Span<ReasonCode>,
        version: ProtocolVersion,
        into buffer: inout ByteBuffer,
        properties: (inout PropertyWriter) -> Void = { _ in }
    ) {
        precondition(packetID != 0, "a packet identifier of 0")
        precondition(!reasons.isEmpty, "a SUBACK without reason codes")
        let known = 2 + (version == .v5 ? 1 : 0) + reasons.count
        let packet = buffer.beginPacket(PacketType.suback.firstByte, expecting: known)
        buffer.append(packetID)
        if version == .v5 { PropertyWriter.write(into: &buffer, in: .suback, properties) }
        for index in reasons.indices {
            let reason = reasons[index]
            precondition(reason.isAllowed(in: .suback), "no reason code of a SUBACK")
            buffer.append(version == .v3_1_1 && reason.isFailure ? 0x80 : reason.rawValue)
        }
        buffer.endLength(packet)
    }
}

/// UNSUBACK (3.11): for each topic filter of an UNSUBSCRIBE, whether it was removed.
@frozen
public struct Unsuback: ~Escapable, BitwiseCopyable {
    /// Not 0.
    public let packetID: UInt16

    /// Empty in MQTT 3.1.1.
    public let properties: PropertyView

    /// At least one; none in MQTT 3.1.1, where an UNSUBACK always means success.
    public let reasons: ReasonCodes

    @inlinable
    @_lifetime(copy body)
    public init(decoding body: Span<UInt8>, version: ProtocolVersion) throws(DecodingError) {
        var reader = ByteReader(body)
        packetID = try reader.requirePacketID()
        switch version {
        case .v3_1_1:
            properties = PropertyView()
            reasons = ReasonCodes()
            try reader.requireEnd()
        case .v5:
            properties = try PropertyView(reading: &reader, in: .unsuback)
            let offset = reader.offset
            reasons = try ReasonCodes(
                reader.readRemaining(), of: .unsuback, version: version, offset: offset
            )
        }
    }

    /// Appends the packet; in 3.1.1 there is no place for `reasons`.
    @inlinable
    public static func encode(
        packetID: UInt16,
        reasons: Span<ReasonCode>,
        version: ProtocolVersion,
        into buffer: inout ByteBuffer,
        properties: (inout PropertyWriter) -> Void = { _ in }
    ) {
        precondition(packetID != 0, "a packet identifier of 0")
        precondition(!reasons.isEmpty, "an UNSUBACK without reason codes")
        let known = version == .v5 ? 3 + reasons.count : 2
        let packet = buffer.beginPacket(PacketType.unsuback.firstByte, expecting: known)
        buffer.append(packetID)
        if version == .v5 {
            PropertyWriter.write(into: &buffer, in: .unsuback, properties)
            for index in reasons.indices {
                let reason = reasons[index]
                precondition(reason.isAllowed(in: .unsuback), "no reason code of an UNSUBACK")
                buffer.append(reason.rawValue)
            }
        }
        buffer.endLength(packet)
    }
}

/// The reason codes of a SUBACK or UNSUBACK, borrowed and valid, one for each topic filter in the
/// order of the request [MQTT-3.9.3-1].
@frozen
public struct ReasonCodes: ~Escapable, BitwiseCopyable {
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
