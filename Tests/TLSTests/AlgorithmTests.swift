import Testing

@testable import TLS

/// What a listener offers is what it was told to offer.
@Suite struct AlgorithmTests {
    let fixture = CertificateFixture()

    private func context(_ configure: (inout TLSServerConfiguration) -> Void) throws -> TLSContext {
        var serving = fixture.serving
        configure(&serving)
        return try TLSContext(serving: serving, tickets: TicketKeys())
    }

    /// What is agreed on with a client that speaks one version.
    private func agreed(
        _ server: TLSContext,
        _ version: TLSVersion = .v1_3
    ) throws -> (version: TLSVersion?, cipher: String?) {
        let client = try TLSContext(
            connecting: TLSClientConfiguration(minimumVersion: version, maximumVersion: version))
        var link = try Link(client: client, server: server)
        try link.run()
        return (link.server.version, link.server.cipherName)
    }

    @Test("the first suite and cipher that both know are taken, by the server's order")
    func order() throws {
        let server = try context { serving in
            serving.algorithms.cipherSuites = ["TLS_AES_256_GCM_SHA384", "TLS_AES_128_GCM_SHA256"]
            serving.algorithms.ciphers = ["ECDHE-ECDSA-AES256-GCM-SHA384"]
        }
        #expect(try agreed(server).cipher == "TLS_AES_256_GCM_SHA384")
        let old = try agreed(server, .v1_2)
        #expect(old.version == .v1_2 && old.cipher == "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384")
    }

    @Test("a version that is not offered is not spoken")
    func versions() throws {
        let old = try context { $0.maximumVersion = .v1_2 }
        #expect(throws: TLSError.self) { _ = try agreed(old, .v1_3) }
        #expect(try agreed(old, .v1_2).version == .v1_2)
        let new = try context { $0.minimumVersion = .v1_3 }
        #expect(throws: TLSError.self) { _ = try agreed(new, .v1_2) }
    }

    @Test("a version whose suites don't fit the certificate's key has no client, and that is known")
    func served() throws {
        var serving = fixture.serving
        #expect(try serving.servedVersions() == [.v1_2, .v1_3])
        serving.algorithms.groups = ["P-384", "P-256"]
        #expect(try serving.servedVersions() == [.v1_2, .v1_3])
        serving.algorithms.ciphers = ["ECDHE-RSA-AES128-GCM-SHA256"]
        #expect(try serving.servedVersions() == [.v1_3])
        // The source is proven with what is left.
        #expect(SecretSource.proven(serving: serving, in: [.v1_3]) == .provider)
        serving.maximumVersion = .v1_2
        let error = #expect(throws: TLSError.self) { _ = try serving.servedVersions() }
        #expect(error?.reason == .noUsableCipherSuite)
        serving.privateKeyFile += ".none"
        #expect(throws: TLSError.self) { _ = try serving.servedVersions() }
    }

    @Test("a group that is not offered is not agreed on")
    func groups() throws {
        // The client offers X25519 and P-256.
        let none = try context { $0.algorithms.groups = ["P-384"] }
        #expect(throws: TLSError.self) { _ = try agreed(none) }
        let one = try context { $0.algorithms.groups = ["P-384", "P-256"] }
        #expect(try agreed(one).version == .v1_3)
    }

    @Test(
        "a name that OpenSSL does not know, an expression, or a cipher without encryption or proof is refused",
        arguments: [
            "ECDHE-RSA-AES128-GCM-SHA265", "ALL", "HIGH", "DEFAULT", "!aNULL", "@SECLEVEL=0", "",
            "AES128-SHA:AES256-SHA", "NULL-SHA256", "ECDHE-ECDSA-NULL-SHA", "AECDH-AES128-SHA",
            "TLS_AES_128_GCM_SHA256",
        ])
    func ciphers(name: String) throws {
        let good = TLSAlgorithms.standard.ciphers
        let error = #expect(throws: TLSError.self) {
            _ = try context { $0.algorithms.ciphers = good + [name] }
        }
        #expect(error?.reason == .refusedSetting)
        #expect(error?.attempt.contains("'\(name)'") == true)
    }

    @Test("the same of suites and groups", arguments: ["TLS_AES_512", "", "X25518", "A:B", "*"])
    func otherNames(name: String) throws {
        #expect(throws: TLSError.self) {
            _ = try context { $0.algorithms.cipherSuites = ["TLS_AES_128_GCM_SHA256", name] }
        }
        #expect(throws: TLSError.self) {
            _ = try context { $0.algorithms.groups = ["X25519", name] }
        }
    }

    @Test("both presets can be offered")
    func presets() throws {
        for preset in [TLSAlgorithms.standard, .legacy] {
            let server = try context { $0.algorithms = preset }
            #expect(try agreed(server).cipher == "TLS_AES_128_GCM_SHA256")
            #expect(try agreed(server, .v1_2).version == .v1_2)
        }
    }

    @Test("when certificates begin and end is read from all of a file")
    func validity() throws {
        let own = try CertificateValidity(ofCertificatesIn: fixture.path("cert.pem"))
        // Made a moment ago: valid from an hour before for a day.
        #expect(abs(own.notAfterSeconds - own.notBeforeSeconds - 90_000) <= 2)
        #expect(throws: TLSError.self) {
            _ = try CertificateValidity(ofCertificatesIn: fixture.path("key.pem"))
        }
        let missing = #expect(throws: TLSError.self) {
            _ = try CertificateValidity(ofCertificatesIn: "/nowhere.pem")
        }
        #expect(missing?.reason == .unreadableFile)
    }
}
