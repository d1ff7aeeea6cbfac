import Bytes
import COpenSSL
import Testing

@testable import TLS

/// Requirements of the standards on our records, besides the faults of a peer.
@Suite struct RecordRequirementTests {
    let fixture = CertificateFixture()

    private func server(_ setting: RecordSetting) throws -> RecordState {
        let client = try TLSContext(connecting: TLSClientConfiguration())
        return try EstablishedServer(client: client, server: setting.server(fixture)).records
    }

    /// The records in `bytes`.
    private func split(_ bytes: [UInt8]) -> [[UInt8]] {
        var records: [[UInt8]] = []
        var offset = 0
        while offset < bytes.count {
            let length = Int(bytes[offset + 3]) << 8 | Int(bytes[offset + 4])
            records.append(Array(bytes[offset..<offset + 5 + length]))
            offset += 5 + length
        }
        return records
    }

    @Test(
        "[RFC 8446, 5.1, 5.2] what is sent: type, version and length of its records; none is empty or too long",
        arguments: RecordSetting.all)
    func form(setting: RecordSetting) throws {
        var server = try server(setting)
        var ciphers = RecordCiphers()
        var output = ByteBuffer()
        let text = [UInt8](repeating: 7, count: 40_000)
        try server.sendAll(text.span, with: &ciphers, into: &output)
        try server.sendAll(Span(), with: &ciphers, into: &output)
        let expansion = setting.version == .v1_3 ? 17 : 16 + setting.suite.explicitNonceLength
        let records = split(output.span.bytesArray)
        #expect(records.map { $0.count - 5 - expansion } == [16_384, 16_384, 7_232])
        for record in records { #expect(Array(record.prefix(3)) == [23, 3, 3]) }
        output.removeAll()
        server.close(with: &ciphers, into: &output)
        let alert = output.span.bytesArray
        #expect(alert.count == 5 + 2 + expansion)
        // In TLS 1.3 nothing shows that it is an alert.
        #expect(alert[0] == (setting.version == .v1_3 ? 23 : 21))
    }

    @Test(
        "[RFC 5288, 3] each record of ours shows another nonce, also those that OpenSSL has sent",
        arguments: RecordSetting.all)
    func explicitNonces(setting: RecordSetting) throws {
        guard setting.suite.explicitNonceLength > 0 else { return }
        let context = try setting.server(fixture)
        let client = try TLSContext(connecting: TLSClientConfiguration())
        var link = try RecordLink(client: client, server: context)
        var sent: [[UInt8]] = []
        repeat {
            try link.turnClient()
            try link.turnServer()
            sent += split(link.toClient.span.bytesArray)
        } while !link.toClient.isEmpty
        for _ in 0..<100 { try link.sendToClient("x") }
        let protected = sent.drop { $0[0] != 20 }.dropFirst()
        #expect(protected.count == 1)
        let nonces = (protected + split(link.toClient.span.bytesArray)).map { $0[5..<13] }
        #expect(Set(nonces).count == 101)
        try link.turnClient()
        let received = link.takeFromClient()
        #expect(received.utf8.count == 100)
    }

    @Test(
        "[RFC 8446, 6.2; RFC 5246, 7.2] errors are told at level fatal, close_notify at warning, one alert a record",
        arguments: RecordSetting.all)
    func alertLevels(setting: RecordSetting) throws {
        for (alert, level) in [(TLSAlert.closeNotify, 1), (.badRecordMAC, 2), (.decodeError, 2)] {
            var server = try server(setting)
            let client = server.mirrored
            var ciphers = RecordCiphers()
            var output = ByteBuffer()
            server.end(telling: alert, with: &ciphers, into: &output)
            let record = output.span.bytesArray
            #expect(split(record).count == 1)
            #expect(content(record, client) == [UInt8(level), alert.rawValue])
        }
    }

    /// What an alert's record says, without its type.
    private func content(_ record: [UInt8], _ receiver: RecordState) -> [UInt8] {
        let suite = receiver.suite
        let isVersion13 = suite.version == .v1_3
        var keys = receiver.incoming
        var ciphers = RecordCiphers()
        let payload = Array(record.dropFirst(5))
        var nonce = keys.nonce
        if suite.explicitNonceLength > 0 {
            nonce = keys.nonce(showing: payload.prefix(8).reduce(0) { $0 << 8 | UInt64($1) })
        }
        let sealed = Array(payload.dropFirst(suite.explicitNonceLength))
        let count = sealed.count - RecordCipher.tagLength
        let made = AdditionalData(number: keys.number, type: record[0], count: count).bytes
        let additional = isVersion13 ? Array(record.prefix(5)) : (0..<13).map { made[$0] }
        var opened = [UInt8](repeating: 0, count: count)
        // Safe: the arrays lend their bytes for the call, and the target is as long as the content.
        let isOpened = unsafe sealed.withUnsafeBytes { sealed in
            unsafe additional.withUnsafeBytes { additional in
                unsafe opened.withUnsafeMutableBufferPointer { opened in
                    unsafe ciphers.open(
                        sealed, suite.cipher, &keys, nonce, additional: additional,
                        into: opened.baseAddress!)
                }
            }
        }
        #expect(isOpened)
        return isVersion13 ? opened.dropLast() : opened
    }

    @Test("[RFC 8446, 6.2] nothing is sent after a fatal alert, nor what a KeyUpdate had asked for")
    func silentAfterAlert() throws {
        for setting in RecordSetting.all where setting.version == .v1_3 {
            var server = try server(setting)
            var forger = RecordForger(of: server)
            let bytes = forger.keyUpdate(asking: true) + forger.alert(2, .internalError)
            var ciphers = RecordCiphers()
            var output = ByteBuffer()
            let outcome = server.outcome(of: [bytes], with: &ciphers, output: &output)
            #expect(outcome.end == .peerAlert(80))
            let count = output.count
            #expect(count == 0)
        }
    }

    @Test(
        "[RFC 8446, 6.1; RFC 5246, 7.2.1] behind the peer's close_notify there are our last data, and our own",
        arguments: RecordSetting.all)
    func closingBack(setting: RecordSetting) throws {
        let client = try TLSContext(connecting: TLSClientConfiguration())
        var link = try RecordLink(client: client, server: setting.server(fixture))
        try link.run()
        let taken = link.server.records
        let records = try #require(taken)
        var forger = RecordForger(of: records)
        link.toServer.append(forger.alert(1, .closeNotify).span)
        try link.turnServer()
        let state = link.serverState
        #expect(state == .closed)
        try link.sendToClient("last")
        link.server.close(through: &link.serverPort, output: &link.toClient)
        try link.turnClient()
        let received = (link.takeFromClient(), link.clientState)
        #expect(received == ("last", .closed))
    }

    @Test("[RFC 8446, 4.6.3] OpenSSL's client changes its keys, asks for ours, and is followed")
    func openSSLUpdates() throws {
        for setting in RecordSetting.all where setting.version == .v1_3 {
            let client = try TLSContext(connecting: TLSClientConfiguration())
            var link = try RecordLink(client: client, server: setting.server(fixture))
            try link.run()
            for isAsking in [true, false, true, true] {
                let type = isAsking ? SSL_KEY_UPDATE_REQUESTED : SSL_KEY_UPDATE_NOT_REQUESTED
                let isUpdated = unsafe SSL_key_update(link.client.ssl, type) == 1
                #expect(isUpdated)
                try link.sendToServer("up")
                try link.run()
                try link.sendToClient("down")
                try link.run()
                let received = (link.takeFromServer(), link.takeFromClient())
                #expect(received == ("up", "down"))
                // Its KeyUpdate, and the data behind it; ours, and the data behind that.
                let incoming = link.server.records?.incoming.number
                #expect(incoming == 1)
                if isAsking {
                    let outgoing = link.server.records?.outgoing.number
                    #expect(outgoing == 1)
                }
            }
        }
        #expect(ERR_peek_error() == 0)
    }

    @Test("[RFC 8446, 7.2] a KeyUpdate leaves nothing of the secret and the key before it")
    func oldSecrets() throws {
        for setting in RecordSetting.all where setting.version == .v1_3 {
            var server = try server(setting)
            let before = server.incoming
            var forger = RecordForger(of: server)
            var ciphers = RecordCiphers()
            let outcome = server.outcome(of: [forger.keyUpdate()], with: &ciphers)
            #expect(outcome.end == .open)
            let state = unsafe withUnsafeBytes(of: server) { unsafe Array($0) }
            let secret = unsafe withUnsafeBytes(of: before.secret) { unsafe Array($0) }
            let key = unsafe withUnsafeBytes(of: before.key) { unsafe Array($0) }
            for old in [secret.prefix(16), key.prefix(16)] {
                #expect(state.firstRange(of: old) == nil)
            }
        }
    }

    @Test(
        "[RFC 6066, 4] max_fragment_length bounds what is sent and what is taken",
        arguments: RecordSetting.all)
    func fragmentLength(setting: RecordSetting) throws {
        let client = try TLSContext(connecting: TLSClientConfiguration())
        let context = try setting.server(fixture)
        for (code, limit) in [(1, 512), (4, 4_096)] as [(UInt8, Int)] {
            #expect(unsafe SSL_CTX_set_tlsext_max_fragment_length(client.handle, code) == 1)
            var link = try RecordLink(client: client, server: context)
            try link.run()
            try link.sendToClient(String(repeating: "x", count: 3 * limit))
            let sent = split(link.toClient.span.bytesArray)
            #expect(sent.count == 3)
            try link.run()
            let received = link.takeFromClient()
            #expect(received.utf8.count == 3 * limit)
            let taken = link.server.records
            let records = try #require(taken)
            for (count, alert) in [(limit, nil), (limit + 1, 22)] as [(Int, UInt8?)] {
                var server = records
                var forger = RecordForger(of: server)
                var ciphers = RecordCiphers()
                let record = forger.record(23, [UInt8](repeating: 7, count: count))
                let outcome = server.outcome(of: [record], with: &ciphers)
                #expect(outcome.alert == alert)
                #expect(outcome.plaintext.count == (alert == nil ? count : 0))
            }
        }
    }

    @Test("[RFC 5246, 7.4.9] a message behind Finished in its record is unexpected, in TLS 1.2")
    func behindFinished() throws {
        for setting in RecordSetting.all where setting.version == .v1_2 {
            let client = try TLSContext(connecting: TLSClientConfiguration())
            var link = try RecordLink(client: client, server: setting.server(fixture))
            try link.turnClient()
            try link.turnServer()
            try link.turnClient()
            var records = split(link.toServer.span.bytesArray)
            let finished = records.removeLast()
            let keys = try clientKeys(of: link.client, setting.suite)
            let state = RecordState(suite: setting.suite, incoming: keys, outgoing: keys)
            let message = content(finished, state)
            #expect(message.starts(with: [20, 0, 0, 12]))
            var forger = RecordForger(of: state)
            let longer = forger.record(22, message + [1, 0, 0, 0])
            link.toServer.removeAll()
            for record in records + [longer] { link.toServer.append(record.span) }
            var failure: TLSError?
            do throws(TLSError) { try link.turnServer() } catch { failure = error }
            #expect(failure?.reason == .protocolViolation)
            do throws(TLSError) { try link.turnClient() } catch { failure = error }
            #expect(failure?.reason == .peerAlert(.unexpectedMessage))
        }
        #expect(ERR_peek_error() == 0)
    }

    /// The keys that a client of TLS 1.2 protects its Finished with.
    private func clientKeys(of client: borrowing TLSSession, _ suite: RecordSuite) throws
        -> RecordKeys
    {
        var master = [UInt8](repeating: 0, count: 48)
        var server = [UInt8](repeating: 0, count: 32)
        var random = [UInt8](repeating: 0, count: 32)
        let session = unsafe SSL_get_session(client.ssl)
        _ = unsafe SSL_SESSION_get_master_key(session, &master, 48)
        _ = unsafe SSL_get_server_random(client.ssl, &server, 32)
        _ = unsafe SSL_get_client_random(client.ssl, &random, 32)
        let keyLength = suite.cipher.keyLength
        let ivLength = suite.explicitNonceLength > 0 ? 4 : 12
        var block = [UInt8](repeating: 0, count: 2 * (keyLength + ivLength))
        // Safe: the arrays lend their bytes for the calls; the block has two keys and two ivs.
        return unsafe block.withUnsafeMutableBytes { block in
            unsafe master.withUnsafeBytes { master in
                unsafe KeyDerivation.expandMaster(
                    master, serverRandom: server, clientRandom: random, suite.hash, into: block)
            }
            var keys = RecordKeys()
            unsafe keys.set(
                key: UnsafeRawBufferPointer(rebasing: block[..<keyLength]),
                iv: UnsafeRawBufferPointer(
                    rebasing: block[2 * keyLength..<2 * keyLength + ivLength]),
                number: 0, explicitNonce: 0)
            return keys
        }
    }
}
