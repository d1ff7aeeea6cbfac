import Bytes
import Cryptography

/// The opening handshake, as the server reads and answers it (RFC 6455, 4.2).
enum OpeningHandshake {
    /// The most bytes that a request may have.
    static let headLimit = 8_192

    /// Where the head ends, if it ends in `bytes`; nothing before `start` is looked at again.
    ///
    /// Throws as soon as it is clear that no request will come of it.
    static func end(in bytes: Span<UInt8>, from start: Int) throws(HandshakeRefusal) -> Int? {
        // A client that begins with MQTT or TLS is refused at once, not after a time limit.
        guard bytes.count == 0 || bytes[0].isTokenCharacter else { throw .malformed }
        var index = start
        while index < min(bytes.count, headLimit) {
            if bytes[index] == UInt8(ascii: "\n") {
                guard index > 0, bytes[index - 1] == UInt8(ascii: "\r") else { throw .malformed }
                if index > 2, bytes[index - 2] == UInt8(ascii: "\n") { return index + 1 }
            }
            index += 1
        }
        if bytes.count >= headLimit { throw .headTooLarge }
        return nil
    }

    /// Appends the answer to a request that may be granted.
    static func answer(
        _ bytes: Span<UInt8>,
        policy: HandshakePolicy,
        into buffer: inout ByteBuffer
    ) throws(HandshakeRefusal) {
        let head = try RequestHead(bytes)
        guard head.isGet else { throw .methodNotAllowed }
        guard isPath(bytes.extracting(head.target), policy.path.span) else { throw .pathUnknown }
        guard let host = head.host, !host.isEmpty else { throw .hostMissing }
        guard !head.announcesBody else { throw .bodyAnnounced }
        guard head.upgradesToWebSocket, head.upgradesConnection else { throw .upgradeMissing }
        guard let version = head.version, bytes.extracting(version).isEqual(to: "13") else {
            throw .versionNotSupported
        }
        guard let key = head.key, HandshakeKey.isValid(bytes.extracting(key)) else {
            throw .keyNotValid
        }
        if let origin = head.origin,
            !policy.admits(origin: bytes.extracting(origin), host: bytes.extracting(host))
        {
            throw .originNotAllowed
        }
        guard head.offersMQTT else { throw .subprotocolMissing }
        buffer.append(utf8: "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n")
        buffer.append(utf8: "Connection: Upgrade\r\nSec-WebSocket-Protocol: mqtt\r\n")
        buffer.append(utf8: "Sec-WebSocket-Accept: ")
        HandshakeKey.appendAnswer(to: bytes.extracting(key), into: &buffer)
        buffer.append(utf8: "\r\n\r\n")
    }

    /// Whether a request's target is the path, with or without a query; an absolute one may have a
    /// scheme and a host in front (RFC 6455, 4.2.1).
    private static func isPath(_ target: Span<UInt8>, _ path: Span<UInt8>) -> Bool {
        var start = 0
        for scheme in ["http://", "https://", "ws://", "wss://"] as [StaticString]
        where start == 0 && target.count > scheme.utf8CodeUnitCount {
            let length = scheme.utf8CodeUnitCount
            guard target.extracting(0..<length).isEqualIgnoringCase(to: scheme) else { continue }
            start = length
            while start < target.count, target[start] != UInt8(ascii: "/") { start += 1 }
        }
        var end = start
        while end < target.count, target[end] != UInt8(ascii: "?") { end += 1 }
        return target.extracting(start..<end).isEqual(to: path)
    }
}

/// Whom a listener lets open a WebSocket.
public struct HandshakePolicy: Sendable, Equatable {
    /// What a client must ask for: `/mqtt`. A query behind it is not looked at.
    let path: [UInt8]

    /// Which pages may connect.
    enum Origins: Sendable, Equatable {
        /// Those of the host that the request names.
        case same
        case any
        case listed([[UInt8]])
    }

    let origins: Origins

    /// - Parameter origins: of pages that may connect, as browsers write them: `https://a.example`,
    ///   with a port when it is not the scheme's own, or `null`. `*` is any page. With none, a page
    ///   must come from the host that it connects to.
    public init(path: String = "/mqtt", origins: [String] = []) {
        self.path = Array(path.utf8)
        self.origins =
            origins.isEmpty
            ? .same : origins.contains("*") ? .any : .listed(origins.map { Array($0.utf8) })
    }

    /// Whether a page of that origin may connect (RFC 6455, 4.2.2 and 10.2).
    func admits(origin: Span<UInt8>, host: Span<UInt8>) -> Bool {
        switch origins {
        case .any: return true
        case .same:
            for scheme in [[UInt8]("http://".utf8), [UInt8]("https://".utf8)]
            where origin.hasPrefixIgnoringCase(scheme.span) {
                let authority = origin.extracting(droppingFirst: scheme.count)
                if authority.isEqualIgnoringCase(to: host) { return true }
            }
            return false
        case .listed(let origins):
            return origins.contains { origin.isEqualIgnoringCase(to: $0.span) }
        }
    }
}

/// `Sec-WebSocket-Key`, and what a server answers to it (RFC 6455, 1.3 and 4.2.2).
enum HandshakeKey {
    /// Whether it is 16 bytes in base64: 22 characters and two of padding.
    static func isValid(_ key: Span<UInt8>) -> Bool {
        key.count == 24 && Base64.decoded(key)?.count == 16
    }

    /// Appends the value of `Sec-WebSocket-Accept`: base64 of the SHA-1 of the key and the RFC's GUID.
    static func appendAnswer(to key: Span<UInt8>, into buffer: inout ByteBuffer) {
        var message = ByteBuffer(capacity: 60)
        message.append(key)
        message.append(utf8: "258EAFA5-E914-47DA-95CA-C5AB0DC85B11")
        let digest = SHA1.hash(message.span)
        Base64.append(digest.span, to: &buffer)
    }
}

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

    func encode(into buffer: inout ByteBuffer) {
        let (status, phrase, text) = row
        buffer.append(utf8: "HTTP/1.1 \(status) \(phrase)\r\n")
        switch self {
        case .methodNotAllowed: buffer.append(utf8: "Allow: GET\r\n")
        case .upgradeMissing, .versionNotSupported:
            buffer.append(utf8: "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n")
            buffer.append(utf8: "Connection: Upgrade, close\r\n")
        case .malformed, .hostMissing, .bodyAnnounced, .keyNotValid, .subprotocolMissing,
            .originNotAllowed, .pathUnknown, .headTooLarge, .httpVersionNotSupported:
            break
        }
        if status != 426 { buffer.append(utf8: "Connection: close\r\n") }
        buffer.append(utf8: "Content-Type: text/plain; charset=utf-8\r\n")
        buffer.append(utf8: "Content-Length: \(text.utf8.count + 1)\r\n\r\n\(text)\n")
    }
}
