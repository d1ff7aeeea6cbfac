public import Bytes
import MQTT
public import Storage
import Time

extension SessionRecord: StorageRecord {
    private static var layout: UInt8 { 1 }

    public func encode(into buffer: inout ByteBuffer) {
        buffer.append(Self.layout)
        buffer.appendVarint(number.rawValue)
        buffer.append(optional: dueAt) { $0.append($1) }
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
            }
        )
        try reader.requireEnd(of: "session")
    }

    /// What the other tables know of a session, at the front of its record.
    struct Head {
        let number: SessionNumber
        let dueAt: Timestamp?

        init(taking reader: inout ByteReader) throws(MalformedRecord) {
            guard try reader.takeUInt8() == SessionRecord.layout else {
                throw .malformed(what: "session")
            }
            number = SessionNumber(try reader.takeVarint())
            dueAt = try reader.takeOptional { reader throws(MalformedRecord) in
                try reader.takeTimestamp()
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
