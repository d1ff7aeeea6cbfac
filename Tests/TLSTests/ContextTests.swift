import COpenSSL
import TLS
import Testing

@Suite struct ContextTests {
    let fixture = CertificateFixture()

    private func failure(
        _ change: (inout TLSServerConfiguration) -> Void
    ) throws -> TLSError? {
        var serving = fixture.serving
        change(&serving)
        let keys = try TicketKeys()
        let error = #expect(throws: TLSError.self) {
            _ = try TLSContext(serving: serving, tickets: keys)
        }
        #expect(ERR_peek_error() == 0)
        return error
    }

    @Test("A missing file is named")
    func missingFiles() throws {
        let file = fixture.path("other.pem")
        for error in [
            try failure { $0.certificateChainFile = file },
            try failure { $0.privateKeyFile = file },
            try failure { $0.clientVerification = .optional(authorityFile: file) },
        ] {
            #expect(error?.reason == .unreadableFile)
            #expect(error?.file == file)
            #expect(error?.stack.isEmpty == false)
            #expect(error?.description.contains(file) == true)
        }
    }

    @Test("A file that is not PEM is named")
    func junk() throws {
        let file = fixture.path("junk.pem")
        fixture.write(
            "-----BEGIN CERTIFICATE-----\nbm90IGE=\n-----END CERTIFICATE-----\n", to: "junk.pem")
        for error in [
            try failure { $0.certificateChainFile = file },
            try failure { $0.privateKeyFile = file },
            try failure { $0.clientVerification = .required(authorityFile: file) },
        ] {
            #expect(error?.reason == .malformedFile)
            #expect(error?.file == file)
        }
        fixture.write("", to: "junk.pem")
        let empty = try failure { $0.clientVerification = .required(authorityFile: file) }
        #expect(empty?.reason == .malformedFile)
    }

    @Test("A key that is not the certificate's is refused")
    func mismatch() throws {
        let error = try failure { $0.privateKeyFile = fixture.path("ca-key.pem") }
        #expect(error?.reason == .keyMismatch)
        #expect(error?.file == fixture.path("ca-key.pem"))
    }

    @Test("An encrypted key opens with its password, and with no other")
    func password() throws {
        fixture.server.write(
            certificate: fixture.path("other.pem"),
            key: fixture.path("secret.pem"),
            password: "open sesame"
        )
        for wrong in [nil, "", "close sesame"] {
            let error = try failure {
                $0.privateKeyFile = fixture.path("secret.pem")
                $0.privateKeyPassword = wrong
            }
            #expect(error?.reason == .wrongPassword)
        }
        var serving = fixture.serving
        serving.privateKeyFile = fixture.path("secret.pem")
        serving.privateKeyPassword = "open sesame"
        _ = try TLSContext(serving: serving, tickets: TicketKeys())
    }

    @Test("A protocol's name of no length is refused")
    func protocolName() throws {
        let error = try failure { $0.applicationProtocols = [""] }
        #expect(error?.reason == .refusedSetting)
    }
}
