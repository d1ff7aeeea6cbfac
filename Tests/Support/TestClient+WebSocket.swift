public import MQTT

// MQTT in a WebSocket.
extension TestClient {
    /// Opens a WebSocket, over TLS with certificates; throws unless the handshake is accepted.
    public static func webSocket(
        port: UInt16,
        certificates: TestCertificates? = nil,
        version: ProtocolVersion = .v5
    ) throws(TestClientError) -> TestClient {
        let client = try TestClient(port: port, certificates: certificates, version: version)
        let answer = try client.openWebSocket()
        guard answer.hasPrefix("HTTP/1.1 101 ") else {
            throw .closed(waitingFor: "the WebSocket: \(answer)", instead: [])
        }
        return client
    }

    /// Sends an opening handshake and answers what comes back; from a 101 on there are frames.
    public func openWebSocket(
        _ request: [UInt8] = TestWebSocket.request()
    ) throws(TestClientError) -> String {
        try sendUnframed(request.span)
        return try webSocketAnswer()
    }

    /// Waits for the answer to a handshake.
    public func webSocketAnswer() throws(TestClientError) -> String {
        let end = Array("\r\n\r\n".utf8)
        let accepted = Array("HTTP/1.1 101 ".utf8)
        let answer = try readUnframed("the answer to the handshake") { bytes in
            bytes.starts(with: accepted) && bytes.firstRange(of: end) != nil
        }
        guard answer.starts(with: accepted), let head = answer.firstRange(of: end) else {
            return String(decoding: answer, as: UTF8.self)
        }
        beginFrames(Array(answer[head.upperBound...]))
        return String(decoding: answer[..<head.upperBound], as: UTF8.self)
    }

    /// Sends any bytes as they are, whether or not there is a WebSocket.
    public func sendRaw(_ bytes: [UInt8]) throws(TestClientError) {
        try sendUnframed(bytes.span)
    }

    /// Reads until the gateway has closed the connection, and answers the code of its Close frame: 0
    /// when that had none, `nil` when none came.
    public func closeCode() throws(TestClientError) -> UInt16? {
        _ = try untilClosed()
        return webSocket?.closeCode
    }
}
