import Bytes

/// The opening handshake, as the server reads and answers it (RFC 6455, 4.2).
enum OpeningHandshake {
    /// The most bytes that a request may have.
    static let headLimit = 8_192

    /// Where the head ends, if it ends in `bytes`; nothing before `start` is looked at again.
    ///
    /// Throws as soon as it is clear that no request will come of it.
    static func end(
        in bytes: Span<UInt8>,
        from start: Int
    ) throws(HandshakeRefusal) -> Int? {
        // What speaks MQTT or TLS here is told at once, not after a time limit.
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
