import Bytes
import MQTT
import Storage
import Time

/// A part of other records.
extension Message {
    func append(to buffer: inout ByteBuffer) {
        buffer.append(qos.rawValue)
        for part in [topic, payload, properties] { buffer.append(counted: part.span) }
        buffer.append(optional: expiresAt) { $0.append($1) }
    }

    convenience init(taking reader: inout ByteReader) throws(MalformedRecord) {
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
