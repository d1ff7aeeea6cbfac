import Bytes
import MQTT
import Storage

/// What the store keeps of a message in a session's queue.
enum QueueRecord: Equatable, Sendable {
    /// It waits, or was sent and is not acknowledged.
    case message(QueuedMessage)

    /// QoS 2, and its PUBREC has come: nothing but its sequence is needed any more.
    case released
}

extension QueueRecord: StorageRecord {
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

extension QueuedMessage {
    private static var retainedBit: UInt8 { 0b100 }

    fileprivate func append(to buffer: inout ByteBuffer) {
        buffer.append(qos.rawValue | (isRetained ? Self.retainedBit : 0))
        message.append(to: &buffer)
        buffer.append(list: subscriptionIdentifiers) { $0.appendVarint(UInt64($1)) }
        buffer.append(optional: sharedFilter) { $0.append(counted: $1.span) }
        buffer.appendVarint(UInt64(units))
    }

    fileprivate init(taking reader: inout ByteReader) throws(MalformedRecord) {
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
