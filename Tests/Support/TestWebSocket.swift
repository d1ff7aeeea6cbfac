/// The client's end of a WebSocket (RFC 6455), written without the gateway's own code.
public struct TestWebSocket: Sendable {
    /// A frame that the gateway has sent.
    public struct Frame: Hashable, Sendable {
        public let opcode: UInt8
        public let payload: [UInt8]
    }

    /// Control frames that have come.
    public private(set) var controls: [Frame] = []

    /// The lengths of the binary frames that have come.
    public private(set) var binaryLengths: [Int] = []

    /// What a gateway may not send, if it has: text, fragments, masks, frames behind Close.
    public private(set) var breaches: [String] = []
    private var pending: [UInt8] = []

    public init() {}

    /// The code of the Close frame that has come; 0 when it has none.
    public var closeCode: UInt16? {
        guard let close = controls.first(where: { $0.opcode == 8 }) else { return nil }
        guard close.payload.count >= 2 else { return 0 }
        return UInt16(close.payload[0]) << 8 | UInt16(close.payload[1])
    }

    /// Takes bytes that have come, and answers what binary frames carry.
    mutating func receive(_ bytes: [UInt8]) -> [UInt8] {
        pending += bytes
        var payload: [UInt8] = []
        while let (frame, size) = next() {
            pending.removeFirst(size)
            if closeCode != nil { breaches.append("a frame behind Close") }
            if frame.opcode == 2 {
                payload += frame.payload
                binaryLengths.append(frame.payload.count)
            } else {
                controls.append(frame)
            }
        }
        return payload
    }

    private mutating func next() -> (Frame, Int)? {
        guard pending.count >= 2 else { return nil }
        var start = 2
        var length = Int(pending[1] & 0x7F)
        if length >= 126 {
            start += length == 126 ? 2 : 8
            guard pending.count >= start else { return nil }
            length = pending[2..<start].reduce(0) { $0 << 8 | Int($1) }
        }
        guard pending.count >= start + length else { return nil }
        if pending[1] & 0x80 != 0 { breaches.append("a masked frame") }
        if pending[0] & 0xF0 != 0x80 { breaches.append("a fragment, or a reserved bit") }
        let opcode = pending[0] & 0x0F
        if ![2, 8, 9, 10].contains(opcode) { breaches.append("opcode \(opcode)") }
        let payload = Array(pending[start..<start + length])
        return (Frame(opcode: opcode, payload: payload), start + length)
    }

    /// A client's frame, masked with a key of its own.
    public static func frame(
        _ payload: [UInt8],
        opcode: UInt8 = 2,
        isFinal: Bool = true
    ) -> [UInt8] {
        var bytes = [(isFinal ? 0x80 : 0) | opcode]
        switch payload.count {
        case ...125: bytes.append(0x80 | UInt8(payload.count))
        case ...65_535:
            bytes += [0xFE, UInt8(payload.count >> 8), UInt8(payload.count & 255)]
        default:
            bytes.append(0xFF)
            bytes += (0..<8).map { UInt8(truncatingIfNeeded: payload.count >> (56 - 8 * $0)) }
        }
        let mask = (0..<4).map { _ in UInt8.random(in: .min ... .max) }
        return bytes + mask + payload.enumerated().map { $1 ^ mask[$0 & 3] }
    }

    /// A client's opening handshake; `fields` are further lines.
    public static func request(
        path: String = "/mqtt",
        offering protocols: String? = "mqtt",
        fields: [String] = []
    ) -> [UInt8] {
        var lines = [
            "GET \(path) HTTP/1.1", "Host: localhost", "Connection: Upgrade", "Upgrade: websocket",
            "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        ]
        if let protocols { lines.append("Sec-WebSocket-Protocol: \(protocols)") }
        return Array((lines + fields + ["", ""]).joined(separator: "\r\n").utf8)
    }
}
