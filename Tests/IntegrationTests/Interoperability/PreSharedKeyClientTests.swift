import Gateway
import Ledger
import Support
import TLS
import TestFiles
import Testing

extension WholeGateway {
    /// TLS-PSK as others have it: mosquitto's clients, OpenSSL's, GnuTLS' and mbedTLS'.
    @Suite("Other clients with pre-shared keys") struct PreSharedKeyClientTests {
        private typealias Ours = PreSharedKeyTests

        @Test(
            "mosquitto_pub --psk publishes, is metered, and stays out with a wrong key",
            arguments: ["tlsv1.2", "tlsv1.3"])
        func mosquitto(version: String) async throws {
            try await Ours.run { gateway in
                let (product, _) = try await Ours.furnish(gateway)
                let key = try await gateway.createApplication(products: [product])
                let backend = try gateway.connect(key, subscribedTo: "d/lamp/dk1/up/#")
                func publish(_ key: String, _ identity: String = "lamp.dk1") async throws -> Int32 {
                    let port = "\(gateway.tlsPort)"
                    return try await Task.detached {
                        try ChildProcess.run(
                            "mosquitto_pub",
                            [
                                "-h", "127.0.0.1", "-p", port, "--tls-version", version, "--psk",
                                key, "--psk-identity", identity, "-V", "5", "-i", "any", "-q", "1",
                                "-t", "d/lamp/dk1/up/x", "-m", "on",
                            ])
                    }.value.status
                }
                #expect(try await publish(Ours.digits) == 0)
                #expect(try backend.message().text == "on")
                #expect(try await publish(String(Ours.digits.reversed())) != 0)
                #expect(try await publish(Ours.digits, "lamp.dk9") != 0)
                let usage = try await gateway.gateway.usage(of: product.identity("dk1")).today
                #expect(usage.used == 1)
            }
        }

        @Test("openssl s_client -psk agrees on each suite, and on the certificate without -psk")
        func openssl() async throws {
            try await Ours.run { gateway in
                _ = try await Ours.furnish(gateway)
                func suite(_ options: [String]) throws -> String? {
                    let ending = try ChildProcess.run(
                        "openssl",
                        ["s_client", "-connect", "127.0.0.1:\(gateway.tlsPort)"] + options)
                    let line = ending.output.split(separator: "\n").first {
                        $0.contains("Cipher is ")
                    }
                    let name = line?.split(separator: " ").last.map(String.init)
                    return ending.status == 0 && name != "(NONE)" ? name : nil
                }
                let psk = ["-psk_identity", "lamp.dk1", "-psk", Ours.digits]
                for name in TLSAlgorithms.preSharedKeys.ciphers {
                    #expect(try suite(psk + ["-tls1_2", "-cipher", name]) == name)
                }
                #expect(
                    try suite(psk + ["-tls1_2", "-cipher", "ALL"]) == "ECDHE-PSK-CHACHA20-POLY1305")
                #expect(try suite(psk + ["-tls1_3"]) == "TLS_AES_128_GCM_SHA256")
                #expect(try suite(["-tls1_2"]) == "ECDHE-ECDSA-AES128-GCM-SHA256")
                let wrong = ["-psk_identity", "lamp.dk1", "-psk", "00"]
                #expect(try suite(wrong + ["-tls1_2", "-cipher", "PSK"]) == nil)
                #expect(try suite(wrong + ["-tls1_3"]) == nil)
            }
        }

        @Test("gnutls-cli --pskkey shakes hands in both versions, and not with a wrong key")
        func gnutls() async throws {
            try await Ours.run { gateway in
                _ = try await Ours.furnish(gateway)
                func shakesHands(_ key: String, _ kinds: String) throws -> Bool {
                    let ending = try ChildProcess.run(
                        "gnutls-cli",
                        [
                            "--insecure", "--pskusername", "lamp.dk1", "--pskkey", key,
                            "--priority", "NORMAL:-VERS-ALL:\(kinds)", "-p", "\(gateway.tlsPort)",
                            "127.0.0.1",
                        ])
                    return ending.output.contains("Handshake was completed")
                }
                for kinds in [
                    "+VERS-TLS1.2:-KX-ALL:+PSK", "+VERS-TLS1.3:-KX-ALL:+ECDHE-PSK",
                ] {
                    #expect(try shakesHands(Ours.digits, kinds), "\(kinds)")
                    #expect(try !shakesHands("00112233", kinds), "\(kinds)")
                }
            }
        }

        /// The suites of Debian's mbedTLS, which are those of ESP-IDF.
        private static let suites = [
            "TLS-ECDHE-PSK-WITH-CHACHA20-POLY1305-SHA256",
            "TLS-ECDHE-PSK-WITH-AES-128-CBC-SHA256", "TLS-PSK-WITH-AES-128-GCM-SHA256",
            "TLS-PSK-WITH-AES-256-GCM-SHA384", "TLS-PSK-WITH-CHACHA20-POLY1305-SHA256",
            "TLS-PSK-WITH-AES-128-CCM", "TLS-PSK-WITH-AES-128-CBC-SHA256",
        ]

        @Test("a C client with mbedTLS connects with each suite, publishes and is metered")
        func mbedTLS() async throws {
            let directory = TemporaryDirectory()
            let program = directory.file("psk")
            let compiled = try ChildProcess.run(
                "cc",
                ["-Wall", "-Werror", "-o", program, OtherStacksTests.client("psk.c")]
                    + ["mbedtls", "mbedx509", "mbedcrypto"].map { "-l\($0)" },
                seconds: Patience.seconds)
            try #require(compiled.status == 0, "\(compiled.errors)")
            try await Ours.run { gateway in
                let (product, _) = try await Ours.furnish(gateway)
                func lines(_ key: String) async throws -> [String] {
                    let port = "\(gateway.tlsPort)"
                    let ending = try await Task.detached {
                        try ChildProcess.run(
                            program, [port, "lamp.dk1", key, "d/lamp/dk1/up/x"] + Self.suites)
                    }.value
                    #expect(ending.status == 0, "\(ending.errors)")
                    return ending.output.split(separator: "\n").map(String.init)
                }
                #expect(
                    try await lines(Ours.digits)
                        == Self.suites.map { "TLSv1.2 \($0) connack 0 puback 1" })
                let usage = try await gateway.gateway.usage(of: product.identity("dk1")).today
                #expect(usage.used == UInt64(Self.suites.count))
                for line in try await lines("00112233") { #expect(line.contains("failed")) }
            }
        }
    }
}
