import COpenSSL
import TLS
import Testing

/// Certificates of clients that are verified by what a port is given, while contexts stay as they are.
@Suite struct ClientAuthoritiesTests {
    private let fixture = CertificateFixture()

    private func authority(
        _ name: String, begins: Int = -3_600, ends: Int = 86_400
    ) throws -> (key: CertifiedKey, parsed: ClientAuthority) {
        let key = CertifiedKey(commonName: name, isAuthority: true, begins: begins, ends: ends)
        return (key, try parsed(key))
    }

    private func parsed(_ key: CertifiedKey) throws -> ClientAuthority {
        let pem = key.pem.split(separator: "\n").dropFirst().dropLast().joined()
        let der = try #require(Self.decoded(pem))
        return try #require(ClientAuthority(der: der))
    }

    private static func decoded(_ base64: String) -> [UInt8]? {
        var target = [UInt8](repeating: 0, count: base64.utf8.count)
        let count = unsafe EVP_DecodeBlock(&target, Array(base64.utf8), Int32(base64.utf8.count))
        guard count > 0 else { return nil }
        let padding = base64.utf8.reversed().prefix { $0 == UInt8(ascii: "=") }.count
        return Array(target[..<(Int(count) - padding)])
    }

    private func server(
        _ verification: ClientVerification = .none, _ version: TLSVersion = .v1_3
    ) throws -> TLSContext {
        var serving = fixture.serving
        serving.clientVerification = verification
        serving.minimumVersion = version
        serving.maximumVersion = version
        return try TLSContext(serving: serving, tickets: TicketKeys())
    }

    private func client() throws -> TLSContext {
        try TLSContext(connecting: fixture.connectingWithCertificate)
    }

    private func identity(
        _ client: TLSContext, _ server: TLSContext, _ authorities: ClientAuthorities,
        resuming resumption: TLSResumption? = nil
    ) throws -> (identity: PeerIdentity?, isResumed: Bool, next: TLSResumption?) {
        var link = try Link(client: client, server: server, resuming: resumption)
        link.serverPort.clientAuthorities = authorities
        try link.run()
        let (identity, isResumed) = (link.server.peerIdentity, link.server.isResumed)
        return (identity, isResumed, link.client.resumption)
    }

    @Test(
        "A certificate is verified by the authority that has signed it, which the session names when it is resumed, too",
        arguments: TLSVersion.allCases)
    func verified(_ version: TLSVersion) throws {
        let (key, parsed) = try authority("Acme")
        fixture.writeClient(name: "lamp.d1", signer: key)
        let (client, server) = (try client(), try server(.none, version))
        let first = try identity(client, server, ClientAuthorities([parsed]))
        #expect(first.identity?.commonName == "lamp.d1")
        #expect(first.identity?.authority == parsed.fingerprint)
        #expect(!first.isResumed)
        // The authority was removed meanwhile: whoever lets the client in has its name to look up.
        let other = try authority("Other").parsed
        let again = try identity(
            client, server, ClientAuthorities([other]), resuming: first.next)
        #expect(again.isResumed)
        #expect(again.identity == first.identity)
        #expect(ERR_peek_error() == 0)
    }

    @Test("Without a certificate, or with one of a stranger's, a client is let in as nobody")
    func strangers() throws {
        let (key, parsed) = try authority("Acme")
        let plain = try TLSContext(connecting: TLSClientConfiguration())
        let server = try server()
        let without = try identity(plain, server, ClientAuthorities([parsed]))
        #expect(without.identity == nil)
        // Of the same name, with another key.
        for name in ["Stranger", "Acme"] {
            let stranger = CertifiedKey(commonName: name, isAuthority: true)
            fixture.writeClient(name: "lamp.d1", signer: stranger)
            let client = try client()
            let refused = try identity(client, server, ClientAuthorities([parsed]))
            #expect(refused.identity == nil, "\(name)")
            // What was not verified is not so when the session is resumed.
            let again = try identity(
                client, server, ClientAuthorities([parsed]), resuming: refused.next)
            #expect(again.identity == nil, "\(name)")
        }
        // One who is not asked shows nothing.
        fixture.writeClient(name: "lamp.d1", signer: key)
        #expect(try identity(try client(), server, .none).identity == nil)
        #expect(ERR_peek_error() == 0)
    }

    @Test("Of two authorities of one name the one counts whose key has signed")
    func namesakes() throws {
        let made = try (0..<3).map { _ in try authority("Acme") }
        let authorities = ClientAuthorities(made.map(\.parsed))
        let server = try server()
        for (key, parsed) in made {
            fixture.writeClient(name: "lamp.d1", signer: key)
            let found = try identity(try client(), server, authorities)
            #expect(found.identity?.authority == parsed.fingerprint)
        }
    }

    @Test("A renewed certificate of the same key counts when the former one has ended")
    func renewed() throws {
        let former = try authority("Acme", begins: -7_200, ends: -3_600)
        let key = CertifiedKey(commonName: "Acme", isAuthority: true, renewing: former.key)
        let later = try parsed(key)
        fixture.writeClient(name: "lamp.d1", signer: former.key)
        let server = try server()
        for list in [[former.parsed, later], [later, former.parsed]] {
            let found = try identity(try client(), server, ClientAuthorities(list))
            #expect(found.identity?.authority == later.fingerprint)
        }
        #expect(ERR_peek_error() == 0)
    }

    @Test(
        "What another authority of the name has signed is a stranger's, whatever is wrong with it")
    func strangersOfTheName() throws {
        let former = try authority("Acme", begins: -7_200, ends: -3_600)
        let other = CertifiedKey(commonName: "Acme", isAuthority: true)
        fixture.writeClient(name: "lamp.d1", signer: other)
        let found = try identity(try client(), try server(), ClientAuthorities([former.parsed]))
        #expect(found.identity == nil)
        #expect(ERR_peek_error() == 0)
    }

    @Test("A key whose signatures would take long to check ends the handshake, unchecked")
    func costly() throws {
        let good = try authority("Good")
        let costly = CertifiedKey(
            commonName: "lamp.d1", isRSA: true, exponentBits: 80, signer: good.key)
        costly.write(certificate: fixture.path("client.pem"), key: fixture.path("client-key.pem"))
        let server = try server()
        for list in [[good.parsed], [try authority("Other").parsed]] {
            #expect(throws: TLSError.self) {
                _ = try identity(try client(), server, ClientAuthorities(list))
            }
        }
        #expect(ERR_peek_error() == 0)
    }

    @Test("An authority's certificate that has ended, or a weak signature, ends the handshake")
    func unusable() throws {
        let former = try authority("Former", begins: -7_200, ends: -3_600)
        let good = try authority("Good")
        let authorities = ClientAuthorities([former.parsed, good.parsed])
        let server = try server()
        let clients = [
            CertifiedKey(commonName: "lamp.d1", signer: former.key),
            CertifiedKey(commonName: "lamp.d1", begins: -7_200, ends: -3_600, signer: good.key),
            CertifiedKey(commonName: "lamp.d1", begins: 3_600, signer: good.key),
            CertifiedKey(commonName: "lamp.d1", hasWeakSignature: true, signer: good.key),
        ]
        for (number, key) in clients.enumerated() {
            key.write(
                certificate: fixture.path("client.pem"), key: fixture.path("client-key.pem"))
            guard let client = try? client() else { continue }
            let error = #expect(throws: TLSError.self, "\(number)") {
                _ = try identity(client, server, authorities)
            }
            guard case .refusedCertificate = error?.reason else {
                Issue.record("\(number): \(error.debugDescription)")
                continue
            }
        }
        #expect(ERR_peek_error() == 0)
    }

    @Test("What a client sends besides its certificate makes no chain")
    func intermediate() throws {
        let root = try authority("Root")
        let middle = CertifiedKey(commonName: "Middle", isAuthority: true, signer: root.key)
        let leaf = CertifiedKey(commonName: "lamp.d1", signer: middle)
        leaf.write(certificate: fixture.path("client.pem"), key: fixture.path("client-key.pem"))
        fixture.write(leaf.pem + middle.pem, to: "client.pem")
        let found = try identity(
            try client(), try server(), ClientAuthorities([root.parsed]))
        #expect(found.identity == nil)
    }

    @Test("The context's own authorities come first, and neither's certificate is refused")
    func both() throws {
        let (key, parsed) = try authority("Acme")
        let server = try server(.optional(authorityFile: fixture.path("ca.pem")))
        let authorities = ClientAuthorities([parsed])
        fixture.writeClient(name: "gateways")
        let own = try identity(try client(), server, authorities)
        #expect(own.identity?.commonName == "gateways" && own.identity?.authority == nil)
        fixture.writeClient(name: "accounts", signer: key)
        let accounts = try identity(try client(), server, authorities)
        #expect(accounts.identity?.authority == parsed.fingerprint)
        fixture.writeClient(
            name: "nobodys", signer: CertifiedKey(commonName: "Stranger", isAuthority: true))
        let client = try client()
        let error = #expect(throws: TLSError.self) {
            _ = try identity(client, server, authorities)
        }
        guard case .refusedCertificate = error?.reason else {
            Issue.record("\(error.debugDescription)")
            return
        }
        #expect(ERR_peek_error() == 0)
    }
}
