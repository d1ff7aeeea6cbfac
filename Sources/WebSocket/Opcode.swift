/// What a frame is (RFC 6455, 5.2). Text is not among them: MQTT has no use for it.
enum Opcode: UInt8, Sendable {
    case continuation = 0x0
    case binary = 0x2
    case close = 0x8
    case ping = 0x9
    case pong = 0xA

    var isControl: Bool { rawValue >= 0x8 }
}
