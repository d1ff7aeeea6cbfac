public import Bytes

/// CONNECT (3.1): who a client is and what session it wants.
@frozen
public struct Connect: ~Escapable, BitwiseCopyable {
    public let version: ProtocolVersion

    /// It is one of MQTT 3.1 (`MQIsdp`), whose other packets are those of 3.1.1; `version` says so.
    public let isMQTT31: Bool

    /// Clean Start, or Clean Session of 3.1.1.
    public let isCleanStart: Bool

    /// Seconds; 0 turns the keep alive off.
    public let keepAliveSeconds: UInt16

    /// Empty when the server is to choose one.
    public let clientID: Span<UInt8>
    public let will: Will?
    public let userName: Span<UInt8>?
    public let password: Span<UInt8>?
    public let properties: PropertyView

    /// Decodes a body.
    ///
    /// `.unsupportedProtocolName` and `.unsupportedProtocolVersion` tell that nothing after the
    /// version byte was looked at; `protocolLevel(of:)` then says in which version to answer.
    ///
    /// Of MQTT 3.1 three things are taken that 3.1.1 forbids, as its specification has them: flags of a will without a
    /// will and the reserved flag are disregarded, and a user name and a password may be missing behind their flags.
    /// Client identifiers of more than its 23 characters are taken, too; an empty one is not.
    ///
    /// - Parameter acceptsMQTT31: without it MQTT 3.1 is an unsupported protocol name.
    @inlinable
    @_lifetime(copy body)
    public init(decoding body: Span<UInt8>, acceptsMQTT31: Bool = false) throws(DecodingError) {
        var reader = ByteReader(body)
        isMQTT31 = acceptsMQTT31 ? Self.namesMQTT31(body) : false
        version = isMQTT31 ? .v3_1_1 : try Self.readVersion(&reader)
        if isMQTT31 { _ = reader.readBytes(Self.startOfMQTT31.count) }
        let flags = try Self.readFlags(&reader, version: version, isMQTT31: isMQTT31)
        isCleanStart = flags & 0b10 != 0
        keepAliveSeconds = try reader.requireUInt16()
        properties =
            version == .v5 ? try PropertyView(reading: &reader, in: .connect) : PropertyView()
        let startOfPayload = reader.offset
        clientID = try reader.requireString()
        if version == .v3_1_1 && clientID.isEmpty && (isMQTT31 || !isCleanStart) {
            throw DecodingError(.clientIdentifierMissing, at: startOfPayload)
        }
        will = flags & 0b100 != 0 ? try Self.readWill(&reader, flags: flags, version: version) : nil
        let lacksUserName = isMQTT31 ? reader.isAtEnd : false
        userName = flags & 0x80 != 0 && !lacksUserName ? try reader.requireString() : nil
        let lacksPassword = isMQTT31 ? reader.isAtEnd : false
        password = flags & 0x40 != 0 && !lacksPassword ? try reader.requireBinary() : nil
        try reader.requireEnd()
    }

    /// Name and level of MQTT 3.1.
    @usableFromInline
    static var startOfMQTT31: InlineArray<9, UInt8> {
        [0, 6, 0x4D, 0x51, 0x49, 0x73, 0x64, 0x70, 3]
    }

    @usableFromInline
    static func namesMQTT31(_ body: Span<UInt8>) -> Bool {
        let start = startOfMQTT31
        guard body.count >= start.count else { return false }
        for index in start.indices where body[index] != start[index] { return false }
        return true
    }

    /// The protocol version byte of any CONNECT body, supported or not, or nil where there is none.
    ///
    /// A client that announces 5 or more understands a CONNACK of MQTT 5.0; below that, one of 3.1.1.
    /// Bit 7 says nothing of that: bridges set it to be known as such.
    @inlinable
    public static func protocolLevel(of body: Span<UInt8>) -> UInt8? {
        var reader = ByteReader(body)
        guard let count = reader.readUInt16(), reader.readBytes(Int(count)) != nil else {
            return nil
        }
        return reader.readUInt8()
    }

    @inlinable
    @_lifetime(reader: copy reader)
    static func readVersion(_ reader: inout ByteReader) throws(DecodingError) -> ProtocolVersion {
        let name = try reader.requireBinary()
        guard name.count == 4, name[0] == 0x4D, name[1] == 0x51, name[2] == 0x54, name[3] == 0x54
        else { throw DecodingError(.unsupportedProtocolName, at: 0) }
        guard let version = ProtocolVersion(rawValue: try reader.requireUInt8()) else {
            throw DecodingError(.unsupportedProtocolVersion, at: 6)
        }
        return version
    }

    /// The connect flags (3.1.2.3), consistent among themselves.
    @inlinable
    @_lifetime(reader: copy reader)
    static func readFlags(
        _ reader: inout ByteReader,
        version: ProtocolVersion,
        isMQTT31: Bool
    ) throws(DecodingError) -> UInt8 {
        let offset = reader.offset
        let flags = try reader.requireUInt8()
        if flags & 1 != 0, !isMQTT31 { throw DecodingError(.connectFlagReserved, at: offset) }
        if flags & 0b100 == 0 {
            if isMQTT31 { return try requireUserName(flags, at: offset) }
            if flags & 0b1_1000 != 0 { throw DecodingError(.willQoSWithoutWill, at: offset) }
            if flags & 0b10_0000 != 0 { throw DecodingError(.willRetainWithoutWill, at: offset) }
        } else if flags & 0b1_1000 == 0b1_1000 {
            throw DecodingError(.willQoSReserved, at: offset)
        }
        return version == .v3_1_1 ? try requireUserName(flags, at: offset) : flags
    }

    /// Before MQTT 5 there is no password without a user name.
    @inlinable
    static func requireUserName(
        _ flags: UInt8, at offset: Int
    ) throws(DecodingError) -> UInt8 {
        if flags & 0xC0 == 0x40 { throw DecodingError(.passwordWithoutUserName, at: offset) }
        return flags
    }

    @inlinable
    @_lifetime(copy reader)
    @_lifetime(reader: copy reader)
    static func readWill(
        _ reader: inout ByteReader,
        flags: UInt8,
        version: ProtocolVersion
    ) throws(DecodingError) -> Will {
        let properties =
            version == .v5 ? try PropertyView(reading: &reader, in: .will) : PropertyView()
        let offset = reader.offset
        let topic = try reader.requireBinary()
        if let violation = TopicName.violation(in: topic) {
            throw DecodingError(violation, at: offset)
        }
        let payload = try reader.requireBinary()
        let qos = QoS(rawValue: flags >> 3 & 0b11) ?? .atMostOnce
        return Will(
            topic: topic, payload: payload, qos: qos, isRetained: flags & 0b10_0000 != 0,
            properties: properties
        )
    }

    /// Appends the packet.
    @inlinable
    public static func encode(
        clientID: Span<UInt8>,
        isCleanStart: Bool = true,
        keepAliveSeconds: UInt16 = 0,
        will: Will? = nil,
        userName: Span<UInt8>? = nil,
        password: Span<UInt8>? = nil,
        version: ProtocolVersion,
        into buffer: inout ByteBuffer,
        properties: (inout PropertyWriter) -> Void = { _ in }
    ) {
        var flags: UInt8 = isCleanStart ? 0b10 : 0
        if let will {
            flags |= 0b100 | will.qos.rawValue << 3 | (will.isRetained ? 0b10_0000 : 0)
        }
        if userName != nil { flags |= 0x80 }
        if password != nil { flags |= 0x40 }
        precondition(
            version == .v5 || password == nil || userName != nil,
            "MQTT 3.1.1 has no password without a user name"
        )

        let packet = buffer.beginPacket(PacketType.connect.firstByte, expecting: 0)
        buffer.append(UInt32(0x0004_4D51))
        buffer.append(UInt16(0x5454))
        buffer.append(version.rawValue)
        buffer.append(flags)
        buffer.append(keepAliveSeconds)
        if version == .v5 { PropertyWriter.write(into: &buffer, in: .connect, properties) }
        buffer.appendCounted(clientID)
        if let will {
            if version == .v5 {
                buffer.appendVariableByteInteger(will.properties.bytes.count)
                buffer.append(will.properties.bytes)
            }
            buffer.appendCounted(will.topic)
            buffer.appendCounted(will.payload)
        }
        if let userName { buffer.appendCounted(userName) }
        if let password { buffer.appendCounted(password) }
        buffer.endLength(packet)
    }
}

/// The message a server publishes when a connection ends without a DISCONNECT (3.1.2.5).
@frozen
public struct Will: ~Escapable, BitwiseCopyable {
    /// A topic name without wildcards.
    public let topic: Span<UInt8>
    public let payload: Span<UInt8>
    public let qos: QoS
    public let isRetained: Bool

    /// Empty in MQTT 3.1.1.
    public let properties: PropertyView

    @inlinable
    @_lifetime(copy topic, copy payload)
    public init(
        topic: Span<UInt8>,
        payload: Span<UInt8>,
        qos: QoS = .atMostOnce,
        isRetained: Bool = false
    ) {
        self.init(
            topic: topic, payload: payload, qos: qos, isRetained: isRetained,
            properties: PropertyView()
        )
    }

    @inlinable
    @_lifetime(copy topic, copy payload, copy properties)
    public init(
        topic: Span<UInt8>,
        payload: Span<UInt8>,
        qos: QoS,
        isRetained: Bool,
        properties: PropertyView
    ) {
        self.topic = topic
        self.payload = payload
        self.qos = qos
        self.isRetained = isRetained
        self.properties = properties
    }
}
