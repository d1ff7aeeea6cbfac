import Bytes
import MQTT
import Storage
import Time

/// A retained message as it is stored, read without copying.
struct RetainedRecord: ~Escapable {
    private static var version: UInt8 { 1 }

    let qos: QoS
    let expiresAt: Timestamp?

    /// The whole topic, where the key has only its beginning; else empty.
    let topic: Span<UInt8>
    let properties: Span<UInt8>
    let payload: Span<UInt8>

    /// What a table lends.
    @_lifetime(copy bytes)
    init(_ bytes: Span<UInt8>) throws(StoreError) {
        do throws(MalformedRecord) {
            self = try RetainedRecord(decoding: bytes)
        } catch {
            throw StoreError(error)
        }
    }

    @_lifetime(copy bytes)
    init(decoding bytes: Span<UInt8>) throws(MalformedRecord) {
        var reader = ByteReader(bytes)
        guard try reader.takeUInt8() == Self.version,
            let qos = QoS(rawValue: try reader.takeUInt8())
        else { throw .malformed(what: "retained message") }
        self.qos = qos
        let expires = try reader.takeOptional { reader throws(MalformedRecord) in
            Int64(bitPattern: try reader.takeUInt64())
        }
        expiresAt = expires.map { Timestamp(milliseconds: $0) }
        topic = try reader.takeCounted()
        properties = try reader.takeCounted()
        payload = reader.readRemaining()
    }

    func isOver(at now: Timestamp) -> Bool { expiresAt.map { $0 <= now } ?? false }

    /// What it counts for, as `Message.byteCount`.
    func byteCount(of key: RetainedKey) -> Int {
        (key.isCut ? topic.count : key.bytes.count) + properties.count + payload.count
    }

    func message(topic: [UInt8]) -> Message {
        Message(
            topic: topic,
            payload: payload.bytesArray,
            qos: qos,
            properties: properties.bytesArray,
            expiresAt: expiresAt
        )
    }

    static func encode(_ message: Message, isCut: Bool, into buffer: inout ByteBuffer) {
        buffer.append(version)
        buffer.append(message.qos.rawValue)
        buffer.append(optional: message.expiresAt) { buffer, expiresAt in
            buffer.append(UInt64(bitPattern: expiresAt.milliseconds))
        }
        let topic = isCut ? message.topic : []
        buffer.append(counted: topic.span)
        let properties = message.properties
        buffer.append(counted: properties.span)
        let payload = message.payload
        buffer.append(payload.span)
    }
}
