public import Bytes
import MQTT
public import Storage
import Time

extension SessionRecord: StorageRecord {
    fileprivate enum Version: UInt8, RecordVersion {
        case v1 = 1

        /// With a claim.
        case v2
    }

    public func encode(into buffer: inout ByteBuffer) {
        buffer.append(claim == 0 ? Version.v1 : .v2)
        buffer.appendVarint(number.rawValue)
        buffer.append(optional: dueAt) { $0.append($1) }
        if claim != 0 { buffer.appendVarint(claim) }
        buffer.append(version.rawValue)
        buffer.appendVarint(UInt64(expiryIntervalSeconds))
        buffer.append(optional: endedAt) { $0.append($1) }
        buffer.append(optional: will) { $1.append(to: &$0) }
        buffer.append(list: subscriptions) { $1.append(to: &$0) }
    }

    public init(decoding reader: inout ByteReader) throws(MalformedRecord) {
        let head = try Head(taking: &reader)
        guard let version = ProtocolVersion(rawValue: try reader.takeUInt8()) else {
            throw .malformed(what: "protocol version of a session")
        }
        self.init(
            number: head.number,
            version: version,
            expiryIntervalSeconds: try reader.takeVarint32("expiry interval of a session"),
            endedAt: try reader.takeOptional { reader throws(MalformedRecord) in
                try reader.takeTimestamp()
            },
            dueAt: head.dueAt,
            will: try reader.takeOptional { reader throws(MalformedRecord) in
                try StoredWill(taking: &reader)
            },
            subscriptions: try reader.takeList { reader throws(MalformedRecord) in
                try StoredSubscription(taking: &reader)
            },
            claim: head.claim
        )
        try reader.requireEnd(of: "session")
    }

    /// What the other tables know of a session, at the front of its record.
    struct Head {
        let number: SessionNumber
        let dueAt: Timestamp?
        let claim: UInt64

        init(taking reader: inout ByteReader) throws(MalformedRecord) {
            let version = try reader.take(Version.self, of: "session")
            number = SessionNumber(try reader.takeVarint())
            dueAt = try reader.takeOptional { reader throws(MalformedRecord) in
                try reader.takeTimestamp()
            }
            claim =
                switch version {
                case .v1: 0
                case .v2: try reader.takeVarint()
                }
        }
    }
}

extension StoredWill {
    fileprivate func append(to buffer: inout ByteBuffer) {
        message.append(to: &buffer)
        buffer.append(isRetained)
        buffer.append(optional: messageExpirySeconds) { $0.appendVarint(UInt64($1)) }
        buffer.appendVarint(UInt64(delaySeconds))
    }

    fileprivate init(taking reader: inout ByteReader) throws(MalformedRecord) {
        self.init(
            try Message(taking: &reader),
            isRetained: try reader.takeBool(),
            messageExpirySeconds: try reader.takeOptional { reader throws(MalformedRecord) in
                try reader.takeVarint32("expiry interval of a will")
            },
            delaySeconds: try reader.takeVarint32("delay of a will")
        )
    }
}

extension StoredSubscription {
    fileprivate func append(to buffer: inout ByteBuffer) {
        buffer.append(counted: filter.span)
        buffer.append(options.rawValue)
        buffer.append(optional: identifier) { $0.appendVarint(UInt64($1)) }
    }

    fileprivate init(taking reader: inout ByteReader) throws(MalformedRecord) {
        let filter = try reader.takeBytes()
        let options: SubscriptionOptions
        let byte = try reader.takeUInt8()
        do throws(DecodingError) {
            options = try SubscriptionOptions(rawValue: byte, version: .v5)
        } catch {
            throw .malformed(what: "options of a subscription")
        }
        self.init(
            filter: filter,
            options: options,
            identifier: try reader.takeOptional { reader throws(MalformedRecord) in
                try reader.takeVarint32("identifier of a subscription")
            }
        )
    }
}

/// What the store keeps of a message in a session's queue.
enum QueueRecord: Equatable, Sendable {
    /// It waits, or was sent and is not acknowledged.
    case message(QueuedMessage)

    /// QoS 2, and its PUBREC has come: nothing but its sequence is needed any more.
    case released
}

extension QueueRecord: StorageRecord {
    /// Says what follows, and how it is laid out: another layout is another form.
    private enum Form: UInt8 {
        case message = 1
        case released = 2
    }

    func encode(into buffer: inout ByteBuffer) {
        switch self {
        case .message(let content):
            buffer.append(Form.message.rawValue)
            content.append(to: &buffer)
        case .released: buffer.append(Form.released.rawValue)
        }
    }

    init(decoding reader: inout ByteReader) throws(MalformedRecord) {
        switch Form(rawValue: try reader.takeUInt8()) {
        case .message: self = .message(try QueuedMessage(taking: &reader))
        case .released: self = .released
        case nil: throw .malformed(what: "queued message")
        }
        try reader.requireEnd(of: "queued message")
    }
}

/// Also a part of what nodes tell each other.
extension QueuedMessage {
    private static var retainedBit: UInt8 { 0b100 }

    package func append(to buffer: inout ByteBuffer) {
        buffer.append(qos.rawValue | (isRetained ? Self.retainedBit : 0))
        message.append(to: &buffer)
        buffer.append(list: subscriptionIdentifiers) { $0.appendVarint(UInt64($1)) }
        buffer.append(optional: sharedFilter) { $0.append(counted: $1.span) }
        buffer.appendVarint(UInt64(units))
    }

    package init(taking reader: inout ByteReader) throws(MalformedRecord) {
        let flags = try reader.takeUInt8()
        guard let qos = QoS(rawValue: flags & ~Self.retainedBit), qos > .atMostOnce else {
            throw .malformed(what: "QoS of a queued message")
        }
        self.init(
            try Message(taking: &reader),
            qos: qos,
            isRetained: flags & Self.retainedBit != 0,
            subscriptionIdentifiers: try reader.takeList { reader throws(MalformedRecord) in
                try reader.takeVarint32("subscription identifier of a queued message")
            },
            sharedFilter: try reader.takeOptional { reader throws(MalformedRecord) in
                try reader.takeBytes()
            },
            units: try reader.takeVarint32("units of a queued message")
        )
    }
}

/// A part of other records, and of what nodes tell each other.
extension Message {
    package func append(to buffer: inout ByteBuffer) {
        buffer.append(qos.rawValue)
        for part in [topic, payload, properties] { buffer.append(counted: part.span) }
        buffer.append(optional: expiresAt) { $0.append($1) }
    }

    package convenience init(taking reader: inout ByteReader) throws(MalformedRecord) {
        guard let qos = QoS(rawValue: try reader.takeUInt8()) else {
            throw .malformed(what: "QoS of a message")
        }
        let topic = try reader.takeBytes()
        let payload = try reader.takeBytes()
        let properties = try reader.takeBytes()
        do throws(DecodingError) {
            _ = try PropertyView(validating: properties.span, in: .publish)
        } catch {
            throw .malformed(what: "properties of a message")
        }
        self.init(
            topic: topic,
            payload: payload,
            qos: qos,
            properties: properties,
            expiresAt: try reader.takeOptional { reader throws(MalformedRecord) in
                try reader.takeTimestamp()
            }
        )
    }
}

/// A packet identifier of a QoS 2 message that a session has taken and that awaits its PUBREL.
struct ReceivedKey: StorageKey, Hashable {
    let session: SessionNumber
    let packetID: UInt16

    init(_ session: SessionNumber, _ packetID: UInt16) {
        self.session = session
        self.packetID = packetID
    }

    func encode(into writer: inout KeyWriter) {
        session.encode(into: &writer)
        writer.append(packetID)
    }

    init?(decoding reader: inout ByteReader) {
        guard let session = SessionNumber(decoding: &reader), let packetID = reader.readUInt16()
        else { return nil }
        self.init(session, packetID)
    }
}

/// One number, in eight bytes without a version: another layout has another length.
struct SequenceRecord: StorageRecord, Equatable {
    var value: UInt64

    init(_ value: UInt64) { self.value = value }

    func encode(into buffer: inout ByteBuffer) { buffer.append(value) }

    init(decoding reader: inout ByteReader) throws(MalformedRecord) {
        value = try reader.takeUInt64()
        try reader.requireEnd(of: "number")
    }
}

extension ByteBuffer {
    mutating func append(_ time: Timestamp) { appendSignedVarint(time.milliseconds) }
}

extension ByteReader {
    @_lifetime(self: copy self)
    mutating func takeTimestamp() throws(MalformedRecord) -> Timestamp {
        Timestamp(milliseconds: try takeSignedVarint())
    }

    /// A copy of counted bytes.
    @_lifetime(self: copy self)
    mutating func takeBytes() throws(MalformedRecord) -> [UInt8] {
        let bytes = try takeCounted()
        return bytes.bytesArray
    }

    @_lifetime(self: copy self)
    mutating func takeVarint32(_ what: String) throws(MalformedRecord) -> UInt32 {
        guard let value = UInt32(exactly: try takeVarint()) else { throw .malformed(what: what) }
        return value
    }

    /// A record is all of its bytes.
    func requireEnd(of what: String) throws(MalformedRecord) {
        if !isAtEnd { throw .malformed(what: "\(what): bytes too many") }
    }
}
