import MQTT

// MQTT 3.1: its other packets are those of 3.1.1.
extension TestClient {
    /// Sends CONNECT of MQTT 3.1 and waits for the answer. The client's version is 3.1.1.
    public func connectByMQTT31(
        as credentials: TestCredentials, isCleanStart: Bool = true
    ) throws(TestClientError) -> TestPacket.Connack {
        try send(credentials.mqtt31Packet(isCleanStart: isCleanStart))
        return try first("CONNACK") { packet in
            if case .connack(let connack) = packet { connack } else { nil }
        }
    }
}

extension TestCredentials {
    /// A CONNECT of MQTT 3.1: `MQIsdp`, level 3.
    public func mqtt31Packet(isCleanStart: Bool = true) -> [UInt8] {
        let packet = connectPacket(version: .v3_1_1)
        // Behind the header of one byte and the length.
        let start = 2 + packet[1...].prefix { $0 >= 0x80 }.count
        var rest = Array(packet[(start + 7)...])
        if !isCleanStart { rest[0] &= ~2 }
        let body = [0, 6] + Array("MQIsdp".utf8) + [3] + rest
        var length = [UInt8(body.count & 0x7F)]
        if body.count > 0x7F { length = [length[0] | 0x80, UInt8(body.count >> 7)] }
        return [0x10] + length + body
    }
}
