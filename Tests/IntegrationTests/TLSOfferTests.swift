import Gateway
import Linux
import Reactor
import Support
import TestFiles
import Testing
import Time

extension WholeGateway {
    /// What TLS listeners offer, asked with `openssl s_client`; and how long their certificates hold.
    @Suite struct TLSOfferTests {
        /// An RSA certificate and its key.
        private func makeRSA(in directory: TemporaryDirectory) throws -> (String, String) {
            let (certificate, key) = (directory.file("rsa.pem"), directory.file("rsa-key.pem"))
            let made = try ChildProcess.run(
                "openssl",
                [
                    "req", "-x509", "-days", "9", "-subj", "/CN=localhost", "-newkey", "rsa:2048",
                    "-nodes", "-keyout", key, "-out", certificate,
                ])
            #expect(made.status == 0, "\(made.errors)")
            return (certificate, key)
        }

        /// The suite that a client with these options agrees on; `nil` when it does not.
        private func suite(_ gateway: TestGateway, _ options: [String]) throws -> String? {
            let port = "127.0.0.1:\(gateway.tlsPort)"
            let ending = try ChildProcess.run("openssl", ["s_client", "-connect", port] + options)
            let line = ending.output.split(separator: "\n").first { $0.contains("Cipher is ") }
            let name = line?.split(separator: " ").last.map(String.init)
            return ending.status == 0 && name != "(NONE)" ? name : nil
        }

        @Test(
            "by default: forward secrecy and authenticated encryption; no old suite, group or version"
        )
        func standard() async throws {
            let directory = TemporaryDirectory()
            let (certificate, key) = try makeRSA(in: directory)
            try await TestGateway.run(configure: { configuration in
                configuration.tls.alternativeCertificate = certificate
                configuration.tls.alternativeKey = key
            }) { gateway async throws in
                #expect(try suite(gateway) == "TLS_AES_128_GCM_SHA256")
                #expect(
                    try suite(gateway, "-tls1_2", "-sigalgs", "ECDSA+SHA256")
                        == "ECDHE-ECDSA-AES128-GCM-SHA256")
                // A client that can't verify ECDSA is shown the other certificate.
                #expect(
                    try suite(gateway, "-tls1_2", "-sigalgs", "RSA+SHA256")
                        == "ECDHE-RSA-AES128-GCM-SHA256")
                for options in [
                    ["-tls1_2", "-cipher", "AES128-SHA"],
                    ["-tls1_2", "-cipher", "AES256-GCM-SHA384"],
                    ["-tls1_2", "-cipher", "ECDHE-RSA-AES128-SHA256"], ["-groups", "P-384"],
                    ["-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0"],
                ] {
                    #expect(try self.suite(gateway, options) == nil, "\(options)")
                }
            }
        }

        private func suite(_ gateway: TestGateway, _ options: String...) throws -> String? {
            try suite(gateway, options)
        }

        @Test("the preset legacy: RSA key exchange, CBC and P-384 too, behind what is better")
        func legacy() async throws {
            let directory = TemporaryDirectory()
            let (certificate, key) = try makeRSA(in: directory)
            try await TestGateway.run(configure: { configuration in
                configuration.tls.preset = .legacy
                configuration.tls.alternativeCertificate = certificate
                configuration.tls.alternativeKey = key
            }) { gateway async throws in
                #expect(try suite(gateway) == "TLS_AES_128_GCM_SHA256")
                for name in [
                    "AES128-SHA", "AES256-SHA", "AES128-SHA256", "AES128-GCM-SHA256",
                    "ECDHE-RSA-AES128-SHA", "ECDHE-ECDSA-AES256-SHA384",
                ] {
                    #expect(try suite(gateway, "-tls1_2", "-cipher", name) == name)
                }
                #expect(try suite(gateway, "-groups", "P-384") == "TLS_AES_128_GCM_SHA256")
                #expect(
                    try suite(
                        gateway, "-tls1_2", "-cipher", "AES128-SHA:ECDHE-RSA-AES128-GCM-SHA256")
                        == "ECDHE-RSA-AES128-GCM-SHA256")
            }
        }

        @Test("versions, suites and groups are what the configuration names")
        func named() async throws {
            try await TestGateway.run(configure: { configuration in
                configuration.tls.cipherSuites = ["TLS_AES_256_GCM_SHA384"]
                configuration.tls.ciphers = ["ECDHE-ECDSA-CHACHA20-POLY1305"]
                configuration.tls.groups = ["P-384", "P-256"]
            }) { gateway async throws in
                #expect(try suite(gateway) == "TLS_AES_256_GCM_SHA384")
                #expect(try suite(gateway, "-tls1_2") == "ECDHE-ECDSA-CHACHA20-POLY1305")
                #expect(try suite(gateway, "-groups", "X25519") == nil)
            }
            try await TestGateway.run(configure: { $0.tls.maximumVersion = .v1_2 }) {
                gateway async throws in
                #expect(try suite(gateway, "-tls1_3") == nil)
                #expect(try suite(gateway, "-tls1_2") == "ECDHE-ECDSA-AES128-GCM-SHA256")
            }
        }

        @Test("a name that OpenSSL has not stops the start, and is said")
        func unknown() {
            for (number, configure): (Int, (inout GatewayConfiguration.TLS) -> Void) in [
                (0, { $0.cipherSuites = ["TLS_AES_512"] }), (1, { $0.ciphers = ["ALL"] }),
                (2, { $0.groups = ["P-255"] }),
            ] {
                let error = #expect(throws: GatewayError.self) {
                    _ = try TestGateway(configure: { configure(&$0.tls) })
                }
                let name = ["TLS_AES_512", "ALL", "P-255"][number]
                #expect(error.map { "\($0)" }?.contains("'\(name)'") == true)
            }
        }

        @Test(
            "a certificate that ends soon is a warning, one that has ended a problem; the metrics have its end"
        )
        func expiry() async throws {
            let clock = ManualClock(wall: .now())
            try await TestGateway.run(
                time: .manual(clock), configure: { $0.tls.expiryWarningDays = 2 }
            ) { gateway in
                let file = gateway.certificates.certificateFile
                let sample = "tollgate_tls_certificate_not_after_seconds{file=\"\(file)\"}"
                let end = try #require(await gateway.metric(sample))
                // The certificates of the tests are good for three days.
                let left = Int64(end) - Timestamp.now().milliseconds / 1_000
                #expect((2 * 86_400...3 * 86_400).contains(left))
                func check() async -> Readiness.Check? {
                    await gateway.gateway.readiness().checks.first { $0.name == "certificates" }
                }
                #expect(await check() == Readiness.Check(name: "certificates"))
                clock.advance(milliseconds: 86_400_000 + 3_600_000)
                let soon = try #require(await check())
                #expect(soon.problem == nil)
                #expect(soon.warning?.hasPrefix("\(file): a certificate expires soon: ") == true)
                clock.advance(milliseconds: 2 * 86_400_000)
                let ended = try #require(await check())
                #expect(ended.problem?.hasPrefix("\(file): a certificate has expired: ") == true)
            }
        }
    }
}
