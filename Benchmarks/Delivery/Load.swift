import Bytes
import MQTT
import Support

// What the load sends, and how it takes what comes.
extension DeliveryMeasurement {
    static func publish(_ topic: String, _ qos: QoS, packetID: UInt16?) -> [UInt8] {
        let topic = Array(topic.utf8)
        let payload = payload
        var packet = ByteBuffer()
        Publish.encode(
            topic: topic.span,
            payload: payload.span,
            qos: qos,
            packetID: packetID,
            version: .v5,
            into: &packet
        )
        return packet.span.bytesArray
    }
}

extension TestClient {
    /// Waits for so many packets.
    func skip(_ count: Int) throws {
        for _ in 0..<count where try next() == nil {
            throw TestClientError.timedOut(waitingFor: "a packet", instead: [])
        }
    }

    /// Waits for so many messages of QoS 1, and acknowledges them in one write.
    func acknowledge(_ count: Int) throws {
        var answers = ByteBuffer()
        for _ in 0..<count {
            let message = try message()
            guard let packetID = message.packetID else { continue }
            Puback.encode(packetID: packetID, version: version, into: &answers)
        }
        try send(answers.span)
    }
}
