import Bytes

/// Why an opening handshake is refused: an answer of HTTP, after which the connection is closed.
public enum HandshakeRefusal: Error, CaseIterable, Sendable {
    /// Not a request of HTTP/1.1 as its grammar has it.
    case malformed
    case hostMissing
    case bodyAnnounced

    /// `Sec-WebSocket-Key` must be there once, 16 bytes in base64 (RFC 6455, 4.2.1).
    case keyNotValid

    /// The client must offer `mqtt` ([MQTT-6.0.0-3]).
    case subprotocolMissing
    case originNotAllowed
    case pathUnknown
    case methodNotAllowed

    /// A request for something else than a WebSocket.
    case upgradeMissing

    /// Another version than 13 (RFC 6455, 4.2.2 and 4.4).
    case versionNotSupported
    case headTooLarge
    case httpVersionNotSupported

    /// The status code (RFC 9110, 15).
    public var status: Int { row.status }

    private var row: (status: Int, phrase: String, text: String) {
        switch self {
        case .malformed: (400, "Bad Request", "this is not an HTTP/1.1 request")
        case .hostMissing: (400, "Bad Request", "Host must be there, once")
        case .bodyAnnounced: (400, "Bad Request", "the request must have no body")
        case .keyNotValid:
            (400, "Bad Request", "Sec-WebSocket-Key must be there, once, 16 bytes in base64")
        case .subprotocolMissing:
            (400, "Bad Request", "Sec-WebSocket-Protocol must offer mqtt")
        case .originNotAllowed:
            (403, "Forbidden", "pages of this origin may not connect; see the listener's origins")
        case .pathUnknown: (404, "Not Found", "there is nothing here; see the listener's path")
        case .methodNotAllowed: (405, "Method Not Allowed", "a WebSocket is opened with GET")
        case .upgradeMissing:
            (426, "Upgrade Required", "MQTT over WebSocket is spoken here, and nothing else")
        case .versionNotSupported:
            (426, "Upgrade Required", "only version 13 of WebSocket is spoken here")
        case .headTooLarge:
            (
                431, "Request Header Fields Too Large",
                "the head has more than \(OpeningHandshake.headLimit) bytes"
            )
        case .httpVersionNotSupported:
            (505, "HTTP Version Not Supported", "a WebSocket is opened with HTTP/1.1")
        }
    }

    /// Appends the answer.
    func encode(into buffer: inout ByteBuffer) {
        let (status, phrase, text) = row
        buffer.append(utf8: "HTTP/1.1 \(status) \(phrase)\r\n")
        switch self {
        case .methodNotAllowed: buffer.append(utf8: "Allow: GET\r\n")
        case .upgradeMissing, .versionNotSupported:
            buffer.append(utf8: "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n")
            buffer.append(utf8: "Connection: Upgrade, close\r\n")
        default: break
        }
        if status != 426 { buffer.append(utf8: "Connection: close\r\n") }
        buffer.append(utf8: "Content-Type: text/plain; charset=utf-8\r\n")
        buffer.append(utf8: "Content-Length: \(text.utf8.count + 1)\r\n\r\n\(text)\n")
    }
}
