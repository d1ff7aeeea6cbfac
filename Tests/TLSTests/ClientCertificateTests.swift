import COpenSSL
import TLS
import Testing

@Suite struct ClientCertificateTests {
    let fixture = CertificateFixture()

    private func server(_ verification: ClientVerification) throws -> TLSContext {
        var serving = fixture.serving
        serving.clientVerification = verification
        return try TLSContext(serving: serving, tickets: TicketKeys())
    }

    @Test("A verified certificate's name and URIs are facts, also when the session is resumed")
    func identity() throws {
        fixture.writeClient(
            name: "device-1",
            alternativeNames: "URI:urn:tollgate:p1:d1,DNS:ignored.test,URI:urn:two"
        )
        let server = try server(.required(authorityFile: fixture.path("ca.pem")))
        let client = try TLSContext(connecting: fixture.connectingWithCertificate)
        var link = try Link(client: client, server: server)
        try link.run()
        let identity = link.server.peerIdentity
        #expect(identity?.commonName == "device-1")
        #expect(identity?.uniformResourceIdentifiers == ["urn:tollgate:p1:d1", "urn:two"])
        let next = link.client.resumption
        let resumption = try #require(next)

        var again = try Link(client: client, server: server, resuming: resumption)
        try again.run()
        let (isResumed, repeated) = (again.server.isResumed, again.server.peerIdentity)
        #expect(isResumed)
        #expect(repeated == identity)
        #expect(ERR_peek_error() == 0)
    }

    @Test("Sessions of one context show certificates of their own, instead of the context's")
    func credentials() throws {
        let server = try server(.required(authorityFile: fixture.path("ca.pem")))
        fixture.writeClient(name: "context's")
        let client = try TLSContext(connecting: fixture.connectingWithCertificate)
        for name in ["p.one", "p.two"] {
            fixture.writeClient(name: name)
            let credentials = try TLSCredentials(
                certificateChainFile: fixture.path("client.pem"),
                privateKeyFile: fixture.path("client-key.pem"))
            var link = try Link(client: client, server: server, showing: credentials)
            try link.run()
            let identity = link.server.peerIdentity
            #expect(identity?.commonName == name)
        }
        var link = try Link(client: client, server: server)
        try link.run()
        let identity = link.server.peerIdentity
        #expect(identity?.commonName == "context's")
        let missing = #expect(throws: TLSError.self) {
            _ = try TLSCredentials(
                certificateChainFile: fixture.path("ca2.pem"), privateKeyFile: "x")
        }
        #expect(missing?.reason == .unreadableFile)
        let mismatch = #expect(throws: TLSError.self) {
            _ = try TLSCredentials(
                certificateChainFile: fixture.path("ca.pem"),
                privateKeyFile: fixture.path("client-key.pem"))
        }
        #expect(mismatch?.reason == .keyMismatch)
        #expect(ERR_peek_error() == 0)
    }

    @Test("Without a certificate a peer is let in when it's optional, refused when it's required")
    func missing() throws {
        let client = try TLSContext(connecting: TLSClientConfiguration())
        let lenient = try server(.optional(authorityFile: fixture.path("ca.pem")))
        var link = try Link(client: client, server: lenient)
        try link.run()
        let (established, identity) = (link.server.isEstablished, link.server.peerIdentity)
        #expect(established)
        #expect(identity == nil)

        let strict = try server(.required(authorityFile: fixture.path("ca.pem")))
        var refused = try Link(client: client, server: strict)
        let error = #expect(throws: TLSError.self) { try refused.run() }
        #expect(error?.reason == .refusedCertificate("no certificate shown"))
        let answer = #expect(throws: TLSError.self) { try refused.turnClient() }
        #expect(answer?.reason == .peerAlert(.certificateRequired))
    }

    @Test("A certificate of a stranger is refused, even when none is required")
    func stranger() throws {
        fixture.writeClient(
            name: "device-1",
            signer: CertifiedKey(commonName: "Somebody", isAuthority: true)
        )
        let client = try TLSContext(connecting: fixture.connectingWithCertificate)
        let server = try server(.optional(authorityFile: fixture.path("ca.pem")))
        var link = try Link(client: client, server: server)
        let error = #expect(throws: TLSError.self) { try link.run() }
        guard case .refusedCertificate = error?.reason else {
            Issue.record("\(error.debugDescription)")
            return
        }
        #expect(ERR_peek_error() == 0)
    }

    @Test("Nobody's certificate counts when nobody is asked for one")
    func notAsked() throws {
        fixture.writeClient(name: "device-1")
        let client = try TLSContext(connecting: fixture.connectingWithCertificate)
        var link = try Link(client: client, server: try server(.none))
        try link.run()
        let identity = link.server.peerIdentity
        #expect(identity == nil)
    }
}
