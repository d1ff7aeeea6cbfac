import Bytes
import Testing

@testable import WebSocket

@Suite("Opening handshake")
struct HandshakeTests {
    private static let accepted = """
        HTTP/1.1 101 Switching Protocols\r
        Upgrade: websocket\r
        Connection: Upgrade\r
        Sec-WebSocket-Protocol: mqtt\r
        Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r
        \r

        """

    private func answer(to bytes: [UInt8], policy: HandshakePolicy = HandshakePolicy()) -> (
        WebSocketState, String
    ) {
        var peer = Peer(isOpen: false)
        peer.policy = policy
        peer.receive(bytes)
        return (peer.session.state, peer.text)
    }

    @Test(
        "[MQTT-6.0.0-4]: the sample key of RFC 6455, 1.3 has the answer given there, and mqtt is chosen"
    )
    func sample() {
        let (state, text) = answer(to: Request().bytes)
        #expect(state == .open)
        #expect(text == Self.accepted)
    }

    @Test(
        "what a client may say in its own way",
        arguments: [
            Request(line: "GET /mqtt?token=1 HTTP/1.1"),
            Request(line: "GET http://gateway.example/mqtt HTTP/1.1"),
            Request(line: "GET WSS://gateway.example:9001/mqtt?x HTTP/1.1"),
            Request().with("Upgrade", "h2c, WebSocket"),
            Request().with("Connection", "keep-alive,\t UPGRADE "),
            Request().adding("Connection", "close"),
            Request().with("Host", nil).adding("host", "a"),
            Request().with("Sec-WebSocket-Protocol", "mqttv3.1, mqtt"),
            Request().with("Sec-WebSocket-Protocol", "mqttv3.1").adding(
                "sec-websocket-protocol", "wamp,mqtt"),
            Request().adding(
                "Sec-WebSocket-Extensions", "permessage-deflate; client_max_window_bits"),
            Request().adding("Content-Length", "0").adding("Cookie", "a=b; \u{e9}"),
            Request().adding("X-Empty", ""),
        ]
    )
    func variants(request: Request) {
        let (state, text) = answer(to: request.bytes)
        #expect(state == .open, "\(request.text)")
        #expect(text == Self.accepted)
    }

    @Test(
        "a handshake that breaks a rule is answered with its status, and ends",
        arguments: [
            (Request(line: "GET /other HTTP/1.1"), HandshakeRefusal.pathUnknown),
            (Request(line: "GET /mqtt/ HTTP/1.1"), .pathUnknown),
            (Request(line: "GET /MQTT HTTP/1.1"), .pathUnknown),
            (Request(line: "GET * HTTP/1.1"), .pathUnknown),
            (Request(line: "GET http://gateway.example HTTP/1.1"), .pathUnknown),
            (Request(line: "POST /mqtt HTTP/1.1"), .methodNotAllowed),
            (Request(line: "get /mqtt HTTP/1.1"), .methodNotAllowed),
            (Request(line: "GET /mqtt HTTP/1.0"), .httpVersionNotSupported),
            (Request(line: "PRI * HTTP/2.0"), .httpVersionNotSupported),
            (Request(line: "GET /mqtt HTTQ/1.1"), .malformed),
            (Request(line: "GET /mqtt"), .malformed),
            (Request(line: "GET  /mqtt HTTP/1.1"), .malformed),
            (Request(line: "GET /mq tt HTTP/1.1"), .malformed),
            (Request(line: "GET /mqtt\u{e9} HTTP/1.1"), .malformed),
            (Request(line: "G(T /mqtt HTTP/1.1"), .malformed),
            (Request().with("Host", nil), .hostMissing),
            (Request().with("Host", ""), .hostMissing),
            (Request().adding("Host", "other"), .hostMissing),
            (Request().with("Upgrade", nil), .upgradeMissing),
            (Request().with("Upgrade", "websockets"), .upgradeMissing),
            (Request().with("Connection", nil), .upgradeMissing),
            (Request().with("Connection", "keep-alive"), .upgradeMissing),
            (Request().with("Sec-WebSocket-Key", nil), .keyNotValid),
            (Request().with("Sec-WebSocket-Key", ""), .keyNotValid),
            (Request().with("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ"), .keyNotValid),
            (Request().with("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZTE="), .keyNotValid),
            (Request().with("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25j*Q=="), .keyNotValid),
            (Request().with("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub24="), .keyNotValid),
            (
                Request().adding("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="), .keyNotValid
            ),
            (Request().with("Sec-WebSocket-Version", nil), .versionNotSupported),
            (Request().with("Sec-WebSocket-Version", "8"), .versionNotSupported),
            (Request().with("Sec-WebSocket-Version", "13, 8"), .versionNotSupported),
            (Request().adding("Sec-WebSocket-Version", "13"), .malformed),
            (Request().with("Sec-WebSocket-Protocol", nil), .subprotocolMissing),
            (Request().with("Sec-WebSocket-Protocol", "mqttv3.1"), .subprotocolMissing),
            (Request().with("Sec-WebSocket-Protocol", "MQTT"), .subprotocolMissing),
            (Request().adding("Content-Length", "5"), .bodyAnnounced),
            (Request().adding("Transfer-Encoding", "chunked"), .bodyAnnounced),
            (Request().adding("Bad Name", "x"), .malformed),
            (Request().adding("", "x"), .malformed),
            (Request().adding("X", "a\u{0}b"), .malformed),
            (Request().adding("X", "a\r b"), .malformed),
            (Request().adding("X", "a\r\n folded"), .malformed),
            (Request().adding("X", "a\nY: b"), .malformed),
            (Request().adding("X", String(repeating: "a", count: 8_192)), .headTooLarge),
        ]
    )
    func refusals(request: Request, refusal: HandshakeRefusal) {
        let (state, text) = answer(to: request.bytes)
        #expect(state == .refused(refusal), "\(request.text)")
        #expect(text.hasPrefix("HTTP/1.1 \(refusal.status) "))
        #expect(text.contains("Connection: close\r\n") || refusal.status == 426)
        // A body as long as it says.
        let parts = text.split(separator: "\r\n\r\n", maxSplits: 1)
        #expect(parts.count == 2)
        #expect(parts.last?.utf8.count == Int(text.firstLength ?? "-1"))
    }

    @Test("RFC 6455, 4.4: another version is told which one is spoken")
    func version() {
        let (_, text) = answer(to: Request().with("Sec-WebSocket-Version", "8").bytes)
        #expect(text.hasPrefix("HTTP/1.1 426 Upgrade Required\r\n"))
        #expect(text.contains("\r\nSec-WebSocket-Version: 13\r\n"))
        #expect(text.contains("\r\nUpgrade: websocket\r\n"))
        #expect(text.contains("\r\nConnection: Upgrade, close\r\n"))
    }

    @Test(
        "what is no HTTP is told so with its first bytes: MQTT, TLS, line ends of one byte",
        arguments: [
            [0x10, 0x2A, 0, 4], [0x16, 3, 1, 2, 0], Array("GET / HTTP/1.1\n".utf8), [0x0D, 0x0A],
        ] as [[UInt8]]
    )
    func notHTTP(bytes: [UInt8]) {
        #expect(answer(to: bytes).0 == .refused(.malformed))
    }

    @Test("a head of 8,192 bytes is read, one byte more is not, wherever it is cut")
    func headLimit() {
        func request(_ length: Int) -> [UInt8] {
            let bare = Request().adding("X", "").bytes.count
            return Request().adding("X", String(repeating: "a", count: length - bare)).bytes
        }
        #expect(answer(to: request(8_192)).0 == .open)
        #expect(answer(to: request(8_193)).0 == .refused(.headTooLarge))
        for size in [1, 7, 4_096] {
            for (length, expected) in [
                (8_192, WebSocketState.open), (8_193, .refused(.headTooLarge)),
            ] {
                var peer = Peer(isOpen: false)
                let bytes = request(length)
                for start in stride(from: 0, to: bytes.count, by: size) {
                    peer.receive(Array(bytes[start..<min(start + size, bytes.count)]))
                }
                #expect(peer.session.state == expected)
            }
        }
    }

    @Test("a handshake that comes byte by byte is answered with its last one")
    func byteByByte() {
        var peer = Peer(isOpen: false)
        let bytes = Request().bytes
        for byte in bytes.dropLast() {
            peer.receive([byte])
            #expect(peer.session.state == .opening)
            #expect(peer.answer.isEmpty)
        }
        peer.receive([10])
        #expect(peer.session.state == .open)
        #expect(peer.text == Self.accepted)
    }

    @Test("frames right behind the handshake are read, wherever the bytes are cut")
    func framesBehind() {
        let bytes = Request().bytes + ClientFrame.binary([1, 2, 3]).bytes
        for cut in 0...bytes.count {
            var peer = Peer(isOpen: false)
            peer.receive(Array(bytes[..<cut]))
            peer.receive(Array(bytes[cut...]))
            #expect(peer.session.state == .open)
            #expect(peer.payload == [1, 2, 3])
        }
    }

    @Test(
        "RFC 6455, 10.2: pages of the same host by default, the listed ones, or any",
        arguments: [
            ([], "http://gateway.example", true), ([], "https://GATEWAY.example", true),
            ([], "https://gateway.example:8443", false), ([], "https://other.example", false),
            ([], "ftp://gateway.example", false), ([], "null", false),
            (["*"], "https://other.example", true), (["*"], "null", true),
            (["https://a.example", "http://b.example:8080"], "https://a.example", true),
            (["https://a.example", "http://b.example:8080"], "http://B.example:8080", true),
            (["https://a.example", "http://b.example:8080"], "http://b.example", false),
            (["https://a.example"], "https://a.example.evil", false),
            (["https://a.example"], "https://gateway.example", false),
            (["null"], "null", true),
        ] as [([String], String, Bool)]
    )
    func origins(origins: [String], origin: String, isAdmitted: Bool) {
        let policy = HandshakePolicy(origins: origins)
        let (state, _) = answer(to: Request().with("Origin", origin).bytes, policy: policy)
        #expect(state == (isAdmitted ? .open : .refused(.originNotAllowed)))
    }

    @Test("who sends no Origin is not a page, and is let through; who sends two is not")
    func noOrigin() {
        let policy = HandshakePolicy(origins: ["https://a.example"])
        #expect(answer(to: Request().bytes, policy: policy).0 == .open)
        let twice = Request().adding("Origin", "https://a.example")
            .adding("Origin", "https://a.example")
        #expect(answer(to: twice.bytes, policy: policy).0 == .refused(.malformed))
    }

    @Test("the path is the listener's")
    func path() {
        let policy = HandshakePolicy(path: "/")
        #expect(answer(to: Request(line: "GET / HTTP/1.1").bytes, policy: policy).0 == .open)
        #expect(answer(to: Request().bytes, policy: policy).0 == .refused(.pathUnknown))
    }
}

extension String {
    /// The value of `Content-Length`.
    fileprivate var firstLength: Substring? {
        split(separator: "\r\n").first { $0.hasPrefix("Content-Length: ") }?.dropFirst(16)
    }
}
