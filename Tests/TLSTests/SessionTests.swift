import Bytes
import COpenSSL
import Glibc
import TLS
import Testing

@Suite struct SessionTests {
    let fixture = CertificateFixture()

    private func contexts(
        minimum: TLSVersion = .v1_2,
        maximum: TLSVersion = .v1_3,
        protocols: [String] = []
    ) throws -> (server: TLSContext, client: TLSContext) {
        let server = try TLSContext(serving: fixture.serving, tickets: TicketKeys())
        let client = try TLSContext(
            connecting: TLSClientConfiguration(
                authorityFile: fixture.path("ca.pem"),
                minimumVersion: minimum,
                maximumVersion: maximum,
                applicationProtocols: protocols
            )
        )
        return (server, client)
    }

    @Test("Both versions are spoken, AES-128-GCM first", arguments: TLSVersion.allCases)
    func versions(version: TLSVersion) throws {
        let (server, client) = try contexts(minimum: version, maximum: version)
        var link = try Link(client: client, server: server, serverName: "gateway.test")
        let early = link.server.isEstablished
        #expect(!early)
        try link.run()
        let facts = (link.server.isEstablished, link.client.isEstablished, link.server.isResumed)
        #expect(facts == (true, true, false))
        let state = link.serverState
        #expect(state == .open)
        let (spoken, cipher, name) = (
            link.server.version, link.server.cipherName, link.server.serverName
        )
        #expect(spoken == version)
        let expected =
            version == .v1_3
            ? "TLS_AES_128_GCM_SHA256" : "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"
        #expect(cipher == expected)
        #expect(name == "gateway.test")
        try link.sendToServer("up")
        try link.sendToClient("down")
        try link.run()
        let received = (link.takeFromServer(), link.takeFromClient())
        #expect(received == ("up", "down"))
        #expect(ERR_peek_error() == 0)
    }

    @Test("One call takes many records, whole or cut anywhere, and loses none")
    func manyRecords() throws {
        let (server, client) = try contexts()
        var link = try Link(client: client, server: server)
        try link.run()
        var expected = ""
        for index in 0..<500 {
            let text = String(repeating: "\(index),", count: index % 40 + 1)
            expected += text
            try link.sendToServer(text)
        }
        let ciphertext = link.toServer.span.indices.map { link.toServer[$0] }
        link.toServer.removeAll()
        var offset = 0
        var size = 1
        while offset < ciphertext.count {
            let end = min(offset + size, ciphertext.count)
            for index in offset..<end { link.toServer.append(ciphertext[index]) }
            try link.turnServer()
            offset = end
            size = size * 5 % 4_099 + 1
        }
        let received = link.takeFromServer()
        #expect(received == expected)
    }

    @Test("A megabyte goes through one send and one receive")
    func large() throws {
        let (server, client) = try contexts()
        var link = try Link(client: client, server: server)
        try link.run()
        let text = String(repeating: "0123456789abcdef", count: 65_536)
        try link.sendToClient(text)
        try link.turnClient()
        let received = link.takeFromClient()
        #expect(received == text)
    }

    @Test("A handshake that arrives byte by byte completes")
    func byteByByte() throws {
        let (server, client) = try contexts()
        var link = try Link(client: client, server: server)
        try link.turnClient()
        while !link.toServer.isEmpty {
            let flight = link.toServer.span.indices.map { link.toServer[$0] }
            link.toServer.removeAll()
            for byte in flight {
                link.toServer.append(byte)
                try link.turnServer()
            }
            try link.turnClient()
        }
        let established = link.server.isEstablished
        #expect(established)
    }

    @Test("What comes with the last flight of the handshake is received")
    func earlyBytes() throws {
        let (server, client) = try contexts(minimum: .v1_3)
        var link = try Link(client: client, server: server)
        try link.turnClient()
        try link.turnServer()
        try link.turnClient()
        try link.sendToServer("CONNECT")
        try link.turnServer()
        let received = link.takeFromServer()
        #expect(received == "CONNECT")
    }

    @Test("[RFC 8446, 6.1] close_notify is told from an open session, in both directions")
    func closing() throws {
        let (server, client) = try contexts()
        var link = try Link(client: client, server: server)
        try link.run()
        try link.sendToServer("last")
        link.client.close(through: &link.clientPort, output: &link.toServer)
        try link.turnServer()
        let state = link.serverState
        let received = link.takeFromServer()
        #expect(state == .closed)
        #expect(received == "last")
        try link.sendToClient("still sending")
        link.server.close(through: &link.serverPort, output: &link.toClient)
        let sent = link.toClient.count
        #expect(sent > 0)
        let error = #expect(throws: TLSError.self) {
            try link.server.send(
                "x".utf8Span.span, through: &link.serverPort, output: &link.toClient)
        }
        #expect(error?.reason == .ended)
        #expect(ERR_peek_error() == 0)
    }

    @Test(
        "[RFC 7301] the first of ours that is offered is chosen; who offers none is let in without")
    func applicationProtocols() throws {
        for (offered, expected) in [
            (["h2", "mqtt"], "mqtt"), (["x-amzn-mqtt-ca", "mqtt"], "mqtt"),
            (["h2", "x-amzn-mqtt-ca"], "x-amzn-mqtt-ca"), ([], nil),
        ] as [([String], String?)] {
            let (server, client) = try contexts(protocols: offered)
            var link = try Link(client: client, server: server)
            try link.run()
            let (atServer, atClient) = (
                link.server.applicationProtocol, link.client.applicationProtocol
            )
            #expect(atServer == expected)
            #expect(atClient == expected)
        }
    }

    @Test(
        "[RFC 7301, 3.2] who offers only others is told no_application_protocol, in both versions",
        arguments: TLSVersion.allCases)
    func otherProtocols(version: TLSVersion) throws {
        let (server, client) = try contexts(
            minimum: version, maximum: version, protocols: ["h2", "MQTT"])
        var link = try Link(client: client, server: server)
        #expect(throws: TLSError.self) { try link.run() }
        let error = #expect(throws: TLSError.self) { try link.turnClient() }
        #expect(error?.reason == .peerAlert(.noApplicationProtocol))
        #expect(ERR_peek_error() == 0)
    }

    @Test("A fatal alert of the peer is a typed error, and leaves the queue empty")
    func alertOfThePeer() throws {
        let server = try TLSContext(serving: fixture.serving, tickets: TicketKeys())
        let other = CertifiedKey(commonName: "Somebody", isAuthority: true)
        other.write(certificate: fixture.path("ca2.pem"), key: fixture.path("ca2-key.pem"))
        let client = try TLSContext(
            connecting: TLSClientConfiguration(authorityFile: fixture.path("ca2.pem"))
        )
        var link = try Link(client: client, server: server)
        let refusal = #expect(throws: TLSError.self) { try link.run() }
        guard case .refusedCertificate = refusal?.reason else {
            Issue.record("\(refusal.debugDescription)")
            return
        }
        let error = #expect(throws: TLSError.self) { try link.turnServer() }
        #expect(error?.reason == .peerAlert(.unknownAuthority))
        #expect(ERR_peek_error() == 0)
        let again = #expect(throws: TLSError.self) { try link.turnServer() }
        #expect(again?.reason == .ended)
    }

    @Test("A broken handshake makes an alert to send and an error; no TLS at all only the error")
    func garbage() throws {
        let (server, _) = try contexts()
        // A handshake record whose message is of no known type.
        try expectFailure(
            of: server, sending: [22, 3, 1, 0, 5, 0x99, 0, 0, 1, 0], alert: .unexpectedMessage)
        // A ClientHello that ends in its middle.
        try expectFailure(
            of: server, sending: [22, 3, 1, 0, 8, 1, 0, 0, 4, 3, 3, 7, 7], alert: .decodeError)
        try expectFailure(of: server, sending: Array("GET / HTTP/1.1\r\n\r\n".utf8), alert: nil)
        try expectFailure(of: server, sending: [0x10, 20, 0, 4, 77, 81, 84, 84, 5], alert: nil)
    }

    private func expectFailure(
        of context: TLSContext,
        sending bytes: [UInt8],
        alert: TLSAlert?
    ) throws {
        var session = try TLSSession(accepting: context)
        var port = TLSPort()
        var plaintext = ByteBuffer()
        var output = ByteBuffer()
        let error = #expect(throws: TLSError.self) {
            _ = try session.receive(
                bytes.span, through: &port, into: &plaintext, output: &output)
        }
        #expect(error?.reason == .protocolViolation)
        #expect(error?.stack.isEmpty == false)
        let sent = output.span.indices.map { output[$0] }
        #expect(sent.count == (alert == nil ? 0 : 7))
        if let alert { #expect(sent.first == 21 && sent.last == alert.rawValue) }
        #expect(ERR_peek_error() == 0)
    }

    @Test("A record that was tampered with ends the session with bad_record_mac")
    func tampering() throws {
        let (server, client) = try contexts()
        var link = try Link(client: client, server: server)
        try link.run()
        try link.sendToServer("pay 10")
        let last = link.toServer.count - 1
        link.toServer[last] ^= 1
        let error = #expect(throws: TLSError.self) { try link.turnServer() }
        #expect(error?.reason == .protocolViolation)
        link.toServer.removeAll()
        let answer = #expect(throws: TLSError.self) { try link.turnClient() }
        #expect(answer?.reason == .peerAlert(.badRecordMAC))
        #expect(ERR_peek_error() == 0)
    }

    @Test("An older version than the minimum is refused by protocol_version")
    func minimumVersion() throws {
        var serving = fixture.serving
        serving.minimumVersion = .v1_3
        let server = try TLSContext(serving: serving, tickets: TicketKeys())
        let client = try TLSContext(connecting: TLSClientConfiguration(maximumVersion: .v1_2))
        var link = try Link(client: client, server: server)
        try link.turnClient()
        #expect(throws: TLSError.self) { try link.turnServer() }
        let error = #expect(throws: TLSError.self) { try link.turnClient() }
        #expect(error?.reason == .peerAlert(.protocolVersion))
    }

    @Test("Sessions under way on one port don't mix: bytes go to whom they belong")
    func sharedPort() throws {
        let (server, client) = try contexts()
        var port = TLSPort()
        var first = try Link(client: client, server: server)
        var second = try Link(client: client, server: server)
        for _ in 0..<3 {
            try first.turnClient()
            try second.turnClient()
            swap(&port, &first.serverPort)
            try first.turnServer()
            swap(&port, &first.serverPort)
            swap(&port, &second.serverPort)
            try second.turnServer()
            swap(&port, &second.serverPort)
        }
        try first.sendToServer("first")
        try second.sendToServer("second")
        swap(&port, &second.serverPort)
        try second.turnServer()
        swap(&port, &second.serverPort)
        swap(&port, &first.serverPort)
        try first.turnServer()
        let received = (first.takeFromServer(), second.takeFromServer())
        #expect(received == ("first", "second"))
    }

    @Test("A session outlives its context and the port it was used through")
    func lifetimes() throws {
        var link = try {
            let (server, client) = try contexts()
            var link = try Link(client: client, server: server)
            try link.run()
            return link
        }()
        link.serverPort = TLSPort()
        link.clientPort = TLSPort()
        try link.sendToServer("still here")
        try link.run()
        let received = link.takeFromServer()
        #expect(received == "still here")
    }
}
