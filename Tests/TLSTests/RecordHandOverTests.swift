import Bytes
import COpenSSL
import Testing

@testable import TLS

/// OpenSSL shakes hands, our records take over.
@Suite struct RecordHandOverTests {
    let fixture = CertificateFixture()

    @Test(
        "every suite of both versions is handed over, and carries data both ways",
        arguments: RecordSetting.all, [1, 7, Int.max])
    func suites(setting: RecordSetting, pieceLength: Int) throws {
        for source in [SecretSource.keyLog, .provider] {
            try carries(setting, source, pieceLength)
        }
    }

    private func carries(
        _ setting: RecordSetting,
        _ source: SecretSource,
        _ pieceLength: Int
    ) throws {
        let server = try setting.server(fixture, secrets: source)
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
        arguments: RecordSetting.all, [SecretSource.keyLog, .provider])
    func resumption(setting: RecordSetting, source: SecretSource) throws {
        let server = try setting.server(fixture, secrets: source)
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

    @Test("the suites of an RSA certificate are handed over, without forward secrecy too")
    func rsa() throws {
        CertifiedKey(commonName: "gateway.test", isRSA: true, signer: fixture.authority)
            .write(certificate: fixture.path("other.pem"), key: fixture.path("other-key.pem"))
        var serving = TLSServerConfiguration(
            certificateChainFile: fixture.path("other.pem"),
            privateKeyFile: fixture.path("other-key.pem"))
        #expect(
            try SecretSource.proven(serving: serving, in: serving.servedVersions()) == .provider)
        let client = try TLSContext(connecting: TLSClientConfiguration())
        #expect(unsafe SSL_CTX_set_cipher_list(client.handle, "ALL") == 1)
        serving.maximumVersion = .v1_2
        for (cipher, suite) in [
            ("ECDHE-RSA-AES128-GCM-SHA256", .ecdheRSAAES128GCM),
            ("ECDHE-RSA-AES256-GCM-SHA384", .ecdheRSAAES256GCM),
            ("ECDHE-RSA-CHACHA20-POLY1305", .ecdheRSAChaCha20Poly1305),
            ("AES128-GCM-SHA256", .rsaAES128GCM), ("AES256-GCM-SHA384", .rsaAES256GCM),
        ] as [(String, RecordSuite)] {
            serving.algorithms.ciphers = [cipher]
            for source in [SecretSource.keyLog, .provider] {
                let server = try TLSContext(
                    serving: serving, tickets: TicketKeys(), secrets: source)
                var link = try RecordLink(client: client, server: server)
                try link.run()
                let (taken, name) = (link.server.records?.suite, link.server.cipherName)
                #expect(taken == suite)
                #expect(name == suite.name)
                // OpenSSL has the same name for it.
                let theirs = link.client.cipherName
                #expect(theirs == name)
                try link.sendToServer("up")
                try link.sendToClient("down")
                try link.run()
                let received = (link.takeFromServer(), link.takeFromClient())
                #expect(received == ("up", "down"))
            }
        }
        #expect(ERR_peek_error() == 0)
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

    @Test("a client's certificate is known after the hand-over", arguments: TLSVersion.allCases)
    func clientCertificate(version: TLSVersion) throws {
        fixture.writeClient(name: "device-1")
        var serving = fixture.serving
        serving.maximumVersion = version
        serving.clientVerification = .required(authorityFile: fixture.path("ca.pem"))
        let server = try TLSContext(serving: serving, tickets: TicketKeys(), secrets: .provider)
        let client = try TLSContext(connecting: fixture.connectingWithCertificate)
        var link = try RecordLink(client: client, server: server)
        try link.run()
        let facts = (link.server.isHandedOver, link.server.peerIdentity?.commonName)
        #expect(facts == (true, "device-1"))
        try link.sendToClient("down")
        try link.run()
        let (received, spoken) = (link.takeFromClient(), link.server.version)
        #expect(received == "down")
        #expect(spoken == version)
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

    @Test("the provider is proven with this OpenSSL, and the key log works as well")
    func proof() throws {
        #expect(SecretSource.proven(serving: fixture.serving, in: [.v1_2, .v1_3]) == .provider)
        var serving = fixture.serving
        serving.clientVerification = .required(authorityFile: fixture.path("ca.pem"))
        serving.maximumVersion = .v1_2
        #expect(
            try SecretSource.proven(serving: serving, in: serving.servedVersions()) == .provider)
        serving.certificateChainFile = fixture.path("junk.pem")
        #expect(SecretSource.proven(serving: serving, in: [.v1_2]) == .none)
        #expect(ERR_peek_error() == 0)
    }

    @Test("[RFC 8446, 4.1.4] a client that is asked for another key share is handed over")
    func helloRetry() throws {
        for source in [SecretSource.keyLog, .provider] {
            var serving = fixture.serving
            serving.algorithms.groups = ["P-256"]
            let server = try TLSContext(serving: serving, tickets: TicketKeys(), secrets: source)
            let client = try TLSContext(connecting: TLSClientConfiguration(minimumVersion: .v1_3))
            var link = try RecordLink(client: client, server: server)
            try link.run()
            let isHandedOver = link.server.isHandedOver
            #expect(isHandedOver)
            try link.sendToServer("up")
            try link.sendToClient("down")
            try link.run()
            let received = (link.takeFromServer(), link.takeFromClient())
            #expect(received == ("up", "down"))
        }
    }

    @Test("[RFC 6066, 4] max_fragment_length bounds what is sealed, and what is opened")
    func fragmentLimit() throws {
        for setting in RecordSetting.all {
            let server = try setting.server(fixture)
            let client = try TLSContext(connecting: TLSClientConfiguration())
            let code = UInt8(TLSEXT_max_fragment_length_1024)
            #expect(unsafe SSL_CTX_set_tlsext_max_fragment_length(client.handle, code) == 1)
            var link = try RecordLink(client: client, server: server)
            try link.run()
            let before = link.server.records?.outgoing.number ?? 0
            let text = String(repeating: "x", count: 10_000)
            try link.sendToClient(text)
            let after = link.server.records?.outgoing.number ?? 0
            #expect(after - before == 10)
            try link.sendToServer(text)
            try link.run()
            let received = (link.takeFromServer() == text, link.takeFromClient() == text)
            #expect(received == (true, true))

            let taken = link.server.records
            var records = try #require(taken)
            var forger = RecordForger(of: records)
            var ciphers = RecordCiphers()
            let record = forger.data(String(repeating: "x", count: 1_025))
            let outcome = records.outcome(of: [record], with: &ciphers)
            #expect(outcome.alert == TLSAlert.recordOverflow.rawValue)
        }
    }

    @Test("[RFC 8446, 4.6.3] KeyUpdates go both ways with OpenSSL", arguments: [true, false])
    func keyUpdates(isAsking: Bool) throws {
        for setting in RecordSetting.all where setting.version == .v1_3 {
            let server = try setting.server(fixture)
            let client = try TLSContext(connecting: TLSClientConfiguration())
            var link = try RecordLink(client: client, server: server)
            link.pieceLength = isAsking ? 1 : .max
            try link.run()
            for round in 0..<5 {
                let kind = isAsking ? SSL_KEY_UPDATE_REQUESTED : SSL_KEY_UPDATE_NOT_REQUESTED
                #expect(unsafe SSL_key_update(link.client.ssl, kind) == 1)
                try link.sendToServer("up \(round)")
                try link.run()
                link.server.updateKey(through: &link.serverPort, output: &link.toClient)
                try link.sendToClient("down \(round)")
                try link.run()
                let received = (link.takeFromServer(), link.takeFromClient())
                #expect(received == ("up \(round)", "down \(round)"))
            }
        }
    }

    @Test("[RFC 8446, 4.2.10] a client whose early data are skipped is handed over")
    func earlyData() throws {
        let server = try RecordSetting.all[0].server(fixture, secrets: .provider)
        let client = try TLSContext(connecting: TLSClientConfiguration(minimumVersion: .v1_3))
        var first = try RecordLink(client: client, server: server)
        try first.run()
        let issued = first.client.resumption
        let resumption = try #require(issued)
        #expect(unsafe SSL_SESSION_set_max_early_data(resumption.session, 16_384) == 1)

        var link = try RecordLink(client: client, server: server, resuming: resumption)
        let early = Array("early".utf8)
        let ssl = unsafe link.client.ssl
        var isWritten = false
        link.client.attach(to: link.clientPort)
        unsafe link.clientPort.withCiphertext(Span(), output: &link.toServer) { _ in
            var written = 0
            isWritten = unsafe SSL_write_early_data(ssl, early, early.count, &written) == 1
        }
        #expect(isWritten)
        // Such a client has to be told to go on with the handshake.
        var isComplete = false
        while !isComplete {
            try link.turnServer()
            var input = ByteBuffer()
            swap(&input, &link.toClient)
            isComplete = try link.client.shakeHands(
                input.span, through: &link.clientPort, output: &link.toServer)
        }
        try link.run()
        let isHandedOver = link.server.isHandedOver
        #expect(isHandedOver)
        try link.sendToServer("late")
        try link.sendToClient("down")
        try link.run()
        let received = (link.takeFromServer(), link.takeFromClient())
        #expect(received == ("late", "down"))
        #expect(unsafe SSL_get_early_data_status(ssl) == SSL_EARLY_DATA_REJECTED)
    }

    @Test("TLS 1.2's records behind change_cipher_spec are counted, and the last nonce is read")
    func counting() {
        var records = ProtectedRecords()
        let plain: [UInt8] = [22, 3, 3, 0, 2, 1, 1]
        let change: [UInt8] = [20, 3, 3, 0, 1, 1]
        records.note(plain.span)
        records.note((plain + change).span)
        #expect(records.count == 0)
        let empty: [UInt8] = [23, 3, 3, 0, 24] + (0..<24).map { UInt8($0) }
        let finished: [UInt8] = [22, 3, 3, 0, 40] + (0..<40).map { UInt8($0 + 8) }
        records.note((empty + finished).span)
        #expect(records.count == 2)
        #expect(records.lastExplicitNonce == 0x0809_0A0B_0C0D_0E0F)
        #expect(ProtectedRecords.count(in: (plain + change + empty).span) == 3)
    }

    @Test("what takes over is small: 224 bytes of plain state")
    func sizes() {
        #expect(MemoryLayout<RecordState>.size <= 224)
        #expect(MemoryLayout<Established>.size <= 240)
        #expect(MemoryLayout<TLSConnection>.size == 16)
        #expect(MemoryLayout<RecordKeys>.size == 100)
    }
}
