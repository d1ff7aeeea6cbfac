import Bytes
import COpenSSL
import Cryptography
import Testing

@testable import TLS

/// Clients that prove themselves by pre-shared keys (TLS-PSK).
@Suite("Pre-shared keys") struct PreSharedKeyTests {
    private let fixture = CertificateFixture()
    private static let key = Array("0123456789abcdef".utf8)
    private static let identity = "lamp.d1"

    private func server(
        _ version: TLSVersion, takesKeys: Bool = true, secrets: SecretSource = .provider,
        _ configure: (inout TLSServerConfiguration) -> Void = { _ in }
    ) throws -> TLSContext {
        var serving = fixture.serving.only(version)
        serving.algorithms = .legacyWithPreSharedKeys
        serving.takesPreSharedKeys = takesKeys
        configure(&serving)
        return try TLSContext(serving: serving, tickets: TicketKeys(), secrets: secrets)
    }

    private func client(
        identity: String = Self.identity, key: [UInt8] = Self.key, ciphers: String? = nil
    ) throws -> TLSContext {
        var connecting = TLSClientConfiguration()
        connecting.preSharedKey = PreSharedKeyCredentials(identity: identity, key: key)
        let context = try TLSContext(connecting: connecting)
        if let ciphers {
            #expect(unsafe SSL_CTX_set_cipher_list(context.handle, ciphers) == 1)
        }
        return context
    }

    /// Knows one device's key, and gives others one that none has; no other name is an identity, nor is a ticket.
    private static func search(_ known: [UInt8] = key) -> PreSharedKeySearch {
        { identity, key in
            let name = String(copying: identity)
            guard name.hasPrefix("lamp.") else { return false }
            let decoy = RandomBytes.make(32)
            key.set(name == Self.identity ? known.span : decoy.span)
            return true
        }
    }

    private static func digest(_ key: [UInt8]) -> SHA256Digest { SHA256.hash(key.span) }

    private func link(
        _ client: TLSContext, _ server: TLSContext, _ search: @escaping PreSharedKeySearch,
        resuming resumption: TLSResumption? = nil
    ) throws -> RecordLink {
        var link = try RecordLink(client: client, server: server, resuming: resumption)
        link.serverPort.preSharedKeys = search
        return link
    }

    /// Sends a text each way.
    private func talk(_ link: inout RecordLink) throws {
        try link.sendToServer("up")
        try link.sendToClient("down")
        try link.run()
        let received = (link.takeFromServer(), link.takeFromClient())
        #expect(received == ("up", "down"))
    }

    @Test(
        "each suite of TLS 1.2 proves whose key it is; with AEAD ciphers that we have records for, OpenSSL goes",
        arguments: TLSAlgorithms.preSharedKeys.ciphers, [SecretSource.provider, .keyLog])
    func suites(cipher: String, source: SecretSource) throws {
        var link = try link(
            try client(ciphers: cipher), try server(.v1_2, secrets: source), Self.search())
        try link.run()
        let (proof, isResumed, name) = (
            link.server.preSharedKey, link.server.isResumed, link.server.cipherName
        )
        #expect(proof?.identity == Array(Self.identity.utf8))
        #expect(proof?.keyDigest == Self.digest(Self.key))
        #expect(!isResumed)
        let theirs = link.client.cipherName
        #expect(theirs == name)
        let isHandedOver = link.server.isHandedOver
        #expect(
            isHandedOver == (cipher.contains("GCM") || cipher.contains("CHACHA20")), "\(cipher)")
        try talk(&link)
        #expect(ERR_peek_error() == 0)
    }

    @Test(
        "TLS 1.3: with a suite of the key's hash the key is taken, with another one the certificate",
        arguments: [
            ("TLS_AES_128_GCM_SHA256", true), ("TLS_CHACHA20_POLY1305_SHA256", true),
            ("TLS_AES_256_GCM_SHA384", false),
        ], [SecretSource.provider, .keyLog])
    func newer(suite: (name: String, isTaken: Bool), source: SecretSource) throws {
        let server = try server(.v1_3, secrets: source) {
            $0.algorithms.cipherSuites = [suite.name]
        }
        var link = try link(try client(), server, Self.search())
        try link.run()
        let (proof, isResumed, name, isHandedOver) = (
            link.server.preSharedKey, link.server.isResumed, link.server.cipherName,
            link.server.isHandedOver
        )
        #expect((proof?.identity == Array(Self.identity.utf8)) == suite.isTaken)
        #expect((proof?.keyDigest == Self.digest(Self.key)) == suite.isTaken)
        #expect(!isResumed && name == suite.name && isHandedOver)
        try talk(&link)
        #expect(ERR_peek_error() == 0)
    }

    @Test(
        "a session that is resumed says by which key it began, whatever the key is now",
        arguments: TLSVersion.allCases)
    func resumed(version: TLSVersion) throws {
        let (client, server) = (try client(), try server(version))
        var first = try link(client, server, Self.search())
        try first.run()
        try talk(&first)
        var ticket = first.client.resumption
        #expect(ticket != nil)
        for _ in 0..<2 {
            var next = try link(client, server, Self.search([1, 2, 3]), resuming: ticket)
            try next.run()
            let (proof, isResumed) = (next.server.preSharedKey, next.server.isResumed)
            #expect(isResumed && proof?.keyDigest == Self.digest(Self.key))
            #expect(proof?.identity == Array(Self.identity.utf8))
            try talk(&next)
            ticket = next.client.resumption
        }
        #expect(ERR_peek_error() == 0)
    }

    /// How a handshake fails: what the server says of it, and the alert that the client sees.
    private func failure(
        _ client: TLSContext, _ server: TLSContext
    ) throws -> (server: [String], client: TLSErrorReason?, named: [UInt8]?) {
        var link = try link(client, server, Self.search())
        var errors: [String] = []
        var seen: TLSErrorReason?
        for _ in 0..<4 where seen == nil {
            do throws(TLSError) {
                try link.turnClient()
            } catch {
                seen = error.reason
                break
            }
            do throws(TLSError) {
                try link.turnServer()
            } catch {
                errors = error.stack
            }
        }
        let (named, proof) = (link.server.namedIdentity, link.server.preSharedKey)
        #expect(proof == nil)
        return (errors, seen, named)
    }

    @Test("an unknown identity and a wrong key fail alike", arguments: TLSVersion.allCases)
    func wrong(version: TLSVersion) throws {
        let server = try server(version)
        let wrong = try failure(try client(key: Array("another key".utf8)), server)
        let unknown = try failure(try client(identity: "lamp.d9"), server)
        #expect(!wrong.server.isEmpty && wrong.server == unknown.server)
        let alert = version == .v1_3 ? TLSAlert.illegalParameter : .badRecordMAC
        #expect(wrong.client == .peerAlert(alert) && unknown.client == wrong.client)
        #expect(wrong.named == Array(Self.identity.utf8))
        #expect(unknown.named == Array("lamp.d9".utf8))
        #expect(ERR_peek_error() == 0)
    }

    /// Why the server fails when what a client sends behind its key's name is not what it should be.
    private func reason(
        _ client: TLSContext, _ server: TLSContext, _ tamper: (inout [UInt8]) -> Void
    ) throws -> (TLSErrorReason?, named: [UInt8]?) {
        var link = try link(client, server, Self.search())
        try link.turnClient()
        var reason: TLSErrorReason?
        for turn in 0..<2 where reason == nil {
            if turn == 1 {
                // In TLS 1.2 the key is named here, in TLS 1.3 it was in the ClientHello.
                try link.turnClient()
                var bytes = link.toServer.span.bytesArray
                tamper(&bytes)
                link.toServer.removeAll()
                link.toServer.append(bytes.span)
            }
            do throws(TLSError) {
                try link.turnServer()
            } catch {
                reason = error.reason
            }
        }
        return (reason, link.server.namedIdentity)
    }

    @Test(
        "only a key that is not proved is told from other failures of a handshake that has named one",
        arguments: TLSVersion.allCases)
    func reasons(version: TLSVersion) throws {
        let (client, server) = (try client(), try server(version))
        let wrong = try reason(try self.client(key: Array("another".utf8)), server) { _ in }
        #expect(wrong.0 == .unprovenKeys && wrong.named != nil)
        let none = try reason(client, server) { _ in }
        #expect(none.0 == nil)
        // A record of data in the clear in place of what comes behind the first record.
        let odd = try reason(client, server) { bytes in
            let length = Int(bytes[3]) << 8 | Int(bytes[4])
            bytes = (version == .v1_2 ? Array(bytes[..<(5 + length)]) : []) + [23, 3, 3, 0, 1, 0]
        }
        if version == .v1_2 { #expect(odd.0 == .protocolViolation) }
        #expect(odd.named == Array(Self.identity.utf8), "\(odd)")
        let cut = try reason(client, server) { $0 = [99, 99, 99, 99, 99, 99] }
        #expect(cut.0 == .protocolViolation)
        #expect(ERR_peek_error() == 0)
    }

    @Test("digits stand for bytes, of which a key has 64 at most; others are none")
    func digits() {
        var key = PreSharedKey()
        func set(_ text: String) -> [UInt8]? {
            key.set(hexadecimal: text.utf8Span.span) ? key.span.bytesArray : nil
        }
        #expect(set("00fFa9") == [0, 255, 169])
        for text in ["", "0", "0g", "zz", "00 1", "001", "0_", "00ffxx"] {
            #expect(set(text) == nil && key.count == 0, "\(text)")
        }
        let long = String(repeating: "ab", count: 70)
        #expect(set(long) == [UInt8](repeating: 0xAB, count: 64))
        #expect(set(long + "x0") == nil && key.count == 0)
    }

    @Test(
        "what can't be an identity is said in TLS 1.2, and goes on with the certificate in TLS 1.3")
    func malformed() throws {
        let client = try client(identity: "nobody")
        let old = try failure(client, try server(.v1_2))
        // unknown_psk_identity (RFC 4279, 6).
        #expect(old.client == .peerAlert(TLSAlert(rawValue: 115)) && old.named == nil)
        var link = try link(client, try server(.v1_3), Self.search())
        try link.run()
        let proof = link.server.preSharedKey
        #expect(proof == nil)
        try talk(&link)
        #expect(ERR_peek_error() == 0)
    }

    @Test("a context that takes no keys asks for none; clients without a key are served as ever")
    func without() throws {
        let old = try failure(try client(), try server(.v1_2, takesKeys: false))
        #expect(old.client == .peerAlert(.handshakeFailure))
        for (client, takesKeys) in [
            (try client(), false), (try TLSContext(connecting: TLSClientConfiguration()), true),
        ] {
            var link = try link(client, try server(.v1_3, takesKeys: takesKeys), Self.search())
            try link.run()
            let (proof, named) = (link.server.preSharedKey, link.server.namedIdentity)
            #expect(proof == nil && named == nil)
        }
        var link = try link(
            try TLSContext(connecting: TLSClientConfiguration()), try server(.v1_2), Self.search())
        try link.run()
        let (proof, name) = (link.server.preSharedKey, link.server.cipherName)
        #expect(proof == nil && name == "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256")
        // As is one on a port that has no search.
        var bare = try RecordLink(client: try client(), server: try server(.v1_3))
        try bare.run()
        let unproved = bare.server.preSharedKey
        #expect(unproved == nil)
        #expect(ERR_peek_error() == 0)
    }

    @Test("the legacy preset with keys is a configuration that can be proven")
    func proven() throws {
        var serving = fixture.serving
        serving.algorithms = .legacyWithPreSharedKeys
        serving.takesPreSharedKeys = true
        let served = try serving.servedVersions()
        #expect(served == [.v1_2, .v1_3])
        #expect(SecretSource.proven(serving: serving, in: served) == .provider)
    }

    @Test("what a handshake costs, with a certificate and with a key")
    func cost() throws {
        let plain = try TLSContext(connecting: TLSClientConfiguration())
        for (name, client, version) in [
            ("certificate", plain, .v1_2), ("certificate", plain, .v1_3),
            ("key", try client(), .v1_3),
            (
                "ECDHE-PSK-CHACHA20-POLY1305", try client(ciphers: "ECDHE-PSK-CHACHA20-POLY1305"),
                .v1_2
            ),
            ("PSK-AES128-GCM-SHA256", try client(ciphers: "PSK-AES128-GCM-SHA256"), .v1_2),
        ] as [(String, TLSContext, TLSVersion)] {
            let server = try server(version)
            let rounds = 200
            var spent = Duration.zero
            for _ in 0..<rounds {
                var link = try link(client, server, Self.search())
                for _ in 0..<4 {
                    try link.turnClient()
                    spent += try ContinuousClock().measure { try link.turnServer() }
                }
                let isEstablished = link.server.isEstablished
                #expect(isEstablished)
            }
            print("the server's part of a handshake, \(version) by \(name): \(spent / rounds)")
        }
    }
}
