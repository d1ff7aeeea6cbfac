import Cryptography
import FoundationEssentials

/// A client's side of a WebSocket without the socket (RFC 6455), as much of it as a probe needs: the opening
/// handshake for MQTT ([MQTT-6.0.0-3]), binary frames both ways, Pings answered.
struct WebSocketClient {
    private let key: String
    private var inbound: [UInt8] = []
    private var payload: [UInt8] = []
    private var output: [UInt8]

    /// Whether the server has agreed to the handshake.
    private(set) var isOpen = false

    /// Whether it has sent a Close.
    private(set) var isClosed = false

    /// Of a head of HTTP, and of a frame, in bytes.
    private static let maximum = 65_536

    init(host: String, port: Int, path: String) {
        let key = Data((0..<16).map { _ in UInt8.random(in: 0...255) }).base64EncodedString()
        self.key = key
        let host = host.contains(":") ? "[\(host)]" : host
        let lines = [
            "GET \(path) HTTP/1.1", "Host: \(host):\(port)", "Upgrade: websocket",
            "Connection: Upgrade", "Sec-WebSocket-Key: \(key)", "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Protocol: mqtt", "", "",
        ]
        output = Array(lines.joined(separator: "\r\n").utf8)
    }

    /// What is to go to the server.
    mutating func takeOutput() -> [UInt8] {
        defer { output = [] }
        return output
    }

    /// What has come in frames from the server.
    mutating func takePayload() -> [UInt8] {
        defer { payload = [] }
        return payload
    }

    mutating func receive(_ bytes: [UInt8]) throws(Failure) {
        inbound += bytes
        guard inbound.count <= 2 * Self.maximum else {
            throw Failure(text: "the server sends more than a probe takes")
        }
        if !isOpen { try readHead() }
        guard isOpen else { return }
        while try readFrame() {}
    }

    private mutating func readHead() throws(Failure) {
        guard let end = inbound.firstRange(of: Array("\r\n\r\n".utf8)) else { return }
        // CR LF is one character.
        let lines = String(decoding: inbound[..<end.lowerBound], as: UTF8.self)
            .split(separator: "\r\n", omittingEmptySubsequences: false)
        inbound.removeFirst(end.upperBound)
        let status = lines.first?.split(separator: " ").dropFirst().first ?? ""
        guard status == "101" else {
            throw Failure(
                text: "the WebSocket was refused: \(lines.first ?? "no answer")"
                    + "\n  Ask for the listener's path, which is /mqtt unless it is configured otherwise."
            )
        }
        let accept = lines.first { $0.lowercased().hasPrefix("sec-websocket-accept:") }?
            .drop { $0 != ":" }.dropFirst().trimmed()
        guard accept == Self.acceptance(of: key) else {
            throw Failure(text: "the server's WebSocket handshake does not answer ours")
        }
        isOpen = true
    }

    /// RFC 6455, 4.2.2, 5.4.
    private static func acceptance(of key: String) -> String {
        let text = Array("\(key)258EAFA5-E914-47DA-95CA-C5AB0DC85B11".utf8)
        let digest = SHA1.hash(text.span)
        return Data((0..<SHA1.length).map { digest[$0] }).base64EncodedString()
    }

    /// RFC 6455, 5.2. False when the next frame is not whole.
    private mutating func readFrame() throws(Failure) -> Bool {
        guard inbound.count >= 2 else { return false }
        let (code, mark) = (inbound[0] & 15, Int(inbound[1] & 127))
        guard inbound[1] & 128 == 0 else { throw Failure(text: "the server masks its frames") }
        let lengthBytes = mark == 126 ? 2 : mark == 127 ? 8 : 0
        let start = 2 + lengthBytes
        guard inbound.count >= start else { return false }
        let length =
            lengthBytes == 0 ? mark : inbound[2..<start].reduce(0) { $0 << 8 | Int($1) }
        guard length >= 0, length <= Self.maximum else {
            throw Failure(text: "the server sends a frame that is too long for a probe")
        }
        guard inbound.count >= start + length else { return false }
        let content = Array(inbound[start..<start + length])
        inbound.removeFirst(start + length)
        switch code {
        case 0, 2: payload += content
        case 8: isClosed = true
        case 9: append(10, content)
        case 10: break
        default: throw Failure(text: "the server sends frames of kind \(code)")
        }
        return true
    }

    /// A message of ours as one binary frame.
    mutating func send(_ bytes: [UInt8]) { append(2, bytes) }

    /// Masked, as all frames of clients are.
    private mutating func append(_ code: UInt8, _ content: [UInt8]) {
        output.append(128 | code)
        if content.count < 126 {
            output.append(128 | UInt8(content.count))
        } else {
            precondition(content.count < 65_536, "a probe's packets are short")
            output += [128 | 126, UInt8(content.count >> 8), UInt8(content.count & 255)]
        }
        let mask = (0..<4).map { _ in UInt8.random(in: 0...255) }
        output += mask
        output += content.enumerated().map { $1 ^ mask[$0 & 3] }
    }
}
