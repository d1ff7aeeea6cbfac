import Bytes
import COpenSSL
import Testing

@testable import TLS

/// OpenSSL shakes hands, our records take over.
@Suite struct RecordHandOverTests {
    let fixture = CertificateFixture()

    @Test(
        "every suite of both versions is handed over, and carries data both ways",
        arguments: RecordSetting.all, [1, 2, 7, Int.max])
    func suites(setting: RecordSetting, pieceLength: Int) throws {
        let server = try setting.server(fixture)
        let client = try TLSContext(connecting: TLSClientConfiguration())
        var link = try RecordLink(client: client, server: server)
        link.pieceLength = pieceLength
        try link.run()
        let (isHandedOver, suite) = (link.server.isHandedOver, link.server.records?.suite)
        #expect(isHandedOver)
        #expect(suite == setting.suite)
        let facts = (link.server.version, link.server.cipherName, link.server.isResumed)
        #expect(facts.0 == setting.version)
        #expect(facts.1 == setting.suite.name)
        #expect(!facts.2)
        for round in 0..<3 {
            try link.sendToServer("up \(round)")
            try link.sendToClient("down \(round)")
            try link.run()
            let received = (link.takeFromServer(), link.takeFromClient())
            #expect(received == ("up \(round)", "down \(round)"))
        }
        #expect(ERR_peek_error() == 0)
    }

    @Test(
        "a resumed session is handed over, with the ticket that it sends",
        arguments: RecordSetting.all)
    func resumption(setting: RecordSetting) throws {
        let server = try setting.server(fixture)
        let client = try TLSContext(connecting: TLSClientConfiguration())
        var first = try RecordLink(client: client, server: server)
        try first.run()
        let next = first.client.resumption
        let resumption = try #require(next)
        var link = try RecordLink(client: client, server: server, resuming: resumption)
        try link.run()
        let facts = (link.server.isHandedOver, link.server.isResumed)
        #expect(facts == (true, true))
        try link.sendToServer("up")
        try link.sendToClient("down")
        try link.run()
        let received = (link.takeFromServer(), link.takeFromClient())
        #expect(received == ("up", "down"))
    }

    @Test("tickets that OpenSSL has sent are counted", arguments: [0, 1, 2, 5])
    func tickets(count: Int) throws {
        let server = try RecordSetting.all[0].server(fixture)
        _ = unsafe SSL_CTX_set_num_tickets(server.handle, count)
        let client = try TLSContext(connecting: TLSClientConfiguration())
        var link = try RecordLink(client: client, server: server)
        try link.run()
        let number = link.server.records?.outgoing.number
        #expect(number == UInt64(count))
        try link.sendToClient("down")
        try link.run()
        let received = link.takeFromClient()
        #expect(received == "down")
    }

    @Test("what comes right behind Finished is received", arguments: RecordSetting.all)
    func behindFinished(setting: RecordSetting) throws {
        let server = try setting.server(fixture)
        let client = try TLSContext(connecting: TLSClientConfiguration())
        var link = try RecordLink(client: client, server: server)
        repeat {
            try link.turnClient()
            if link.client.isEstablished { try link.sendToServer("CONNECT") }
            try link.turnServer()
        } while !link.toClient.isEmpty
        let received = link.takeFromServer()
        #expect(received.hasPrefix("CONNECT"))
    }

    @Test("[RFC 5246, 7.4.9] TLS 1.2's first use of data by a client that resumes is received")
    func behindFinishedResumed() throws {
        let server = try RecordSetting.all[3].server(fixture)
        let client = try TLSContext(connecting: TLSClientConfiguration())
        var first = try RecordLink(client: client, server: server)
        try first.run()
        let next = first.client.resumption
        let resumption = try #require(next)
        var link = try RecordLink(client: client, server: server, resuming: resumption)
        try link.turnClient()
        try link.turnServer()
        try link.turnClient()
        try link.sendToServer("CONNECT")
        try link.turnServer()
        let received = (link.takeFromServer(), link.server.isHandedOver)
        #expect(received == ("CONNECT", true))
    }

    @Test("a megabyte goes both ways, in records of 16 KB")
    func large() throws {
        let text = String(repeating: "0123456789abcdef", count: 65_536)
        for setting in RecordSetting.all {
            let server = try setting.server(fixture)
            let client = try TLSContext(connecting: TLSClientConfiguration())
            var link = try RecordLink(client: client, server: server)
            try link.run()
            let before = link.server.records?.outgoing.number ?? 0
            try link.sendToClient(text)
            let after = link.server.records?.outgoing.number ?? 0
            #expect(after - before == 64)
            try link.sendToServer(text)
            try link.run()
            let received = (link.takeFromClient() == text, link.takeFromServer() == text)
            #expect(received == (true, true))
        }
    }

    @Test("a client's certificate is known after the hand-over")
    func clientCertificate() throws {
        fixture.writeClient(name: "device-1")
        var serving = fixture.serving
        serving.clientVerification = .required(authorityFile: fixture.path("ca.pem"))
        let server = try TLSContext(serving: serving, tickets: TicketKeys(), secrets: .keyLog)
        let client = try TLSContext(connecting: fixture.connectingWithCertificate)
        var link = try RecordLink(client: client, server: server)
        try link.run()
        let facts = (link.server.isHandedOver, link.server.peerIdentity?.commonName)
        #expect(facts == (true, "device-1"))
        try link.sendToClient("down")
        try link.run()
        let received = link.takeFromClient()
        #expect(received == "down")
    }

    @Test("a connection moves between ports, and the first forgets its keys")
    func ports() throws {
        let server = try RecordSetting.all[0].server(fixture)
        let client = try TLSContext(connecting: TLSClientConfiguration())
        var link = try RecordLink(client: client, server: server)
        try link.run()
        for round in 0..<3 {
            link.server.forget(in: &link.serverPort)
            link.serverPort = TLSPort()
            try link.sendToServer("up \(round)")
            try link.sendToClient("down \(round)")
            try link.run()
            let received = (link.takeFromServer(), link.takeFromClient())
            #expect(received == ("up \(round)", "down \(round)"))
        }
    }

    @Test("what our records don't know, and TLS 1.3 without secrets, stays with OpenSSL")
    func staying() throws {
        let client = try TLSContext(connecting: TLSClientConfiguration())
        #expect(unsafe SSL_CTX_set_cipher_list(client.handle, "ALL") == 1)
        var serving = fixture.serving
        serving.maximumVersion = .v1_2
        serving.algorithms.ciphers = ["ECDHE-ECDSA-AES128-SHA256"]
        let cbc = try TLSContext(serving: serving, tickets: TicketKeys(), secrets: .keyLog)
        let secretless = try RecordSetting.all[0].server(fixture, secrets: .none)
        for server in [cbc, secretless] {
            for pieceLength in [1, Int.max] {
                var link = try RecordLink(client: client, server: server)
                link.pieceLength = pieceLength
                try link.run()
                let facts = (link.server.isHandedOver, link.server.isEstablished)
                #expect(facts == (false, true))
                try link.sendToServer("up")
                try link.sendToClient("down")
                try link.run()
                let received = (link.takeFromServer(), link.takeFromClient())
                #expect(received == ("up", "down"))
            }
        }
        #expect(ERR_peek_error() == 0)
    }

    @Test("what takes over is small: 224 bytes of plain state")
    func sizes() {
        #expect(MemoryLayout<RecordState>.size <= 224)
        #expect(MemoryLayout<Established>.size <= 240)
        #expect(MemoryLayout<TLSConnection>.size == 16)
        #expect(MemoryLayout<RecordKeys>.size == 100)
    }
}
