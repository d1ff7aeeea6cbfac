import Gateway
import Support
import TestFiles
import Testing

extension WholeGateway {
    /// Our records with the TLS stacks of others, and their own clients where they have some. OpenSSL has shaken
    /// hands; what follows, but for the control, is ours.
    @Suite("Other TLS stacks") struct OtherStacksTests {
        /// The sessions that a test holds.
        struct Sessions {
            var count = 0
            var resumed = 0

            /// Those that stay with OpenSSL.
            var kept = 0
        }

        /// A gateway that speaks all that we have records for, and what clients need of it.
        struct Place {
            let gateway: TestGateway
            let directory: TemporaryDirectory
            let conversation = Conversation()

            var port: UInt16 { gateway.port(of: "stacks") }
            var authority: String { gateway.certificates.authorityFile }
        }

        /// Lends a gateway, and expects that it saw as many sessions as `body` answers, took over all that it should,
        /// and that none has ended but by its client.
        static func run(_ body: (Place) async throws -> Sessions) async throws {
            let directory = TemporaryDirectory()
            let rsa = try TestCertificates.shared.makeRSA(in: directory)
            try await TestGateway.run(configure: { configuration in
                configuration.tls.preset = .legacy
                configuration.tls.alternativeCertificate = rsa.certificate
                configuration.tls.alternativeKey = rsa.key
                configuration.listeners.append(
                    GatewayConfiguration.Listener(
                        name: "stacks", port: 0, authentication: .none))
            }) { gateway async throws in
                let sessions = try await body(Place(gateway: gateway, directory: directory))
                func counter(_ name: String) async -> Int? {
                    await gateway.metric("tollgate_\(name)")
                }
                #expect(await counter("tls_handshakes_total") == sessions.count)
                #expect(
                    await counter("tls_handshakes_handed_over_total")
                        == sessions.count - sessions.kept)
                #expect(await counter("tls_handshakes_resumed_total") == sessions.resumed)
                try await until {
                    let lost = await counter(
                        "connections_ended_total{reason=\"connection-lost\"}")
                    let left = await counter("connections_ended_total{reason=\"disconnected\"}")
                    return (lost ?? 0) + (left ?? 0) == sessions.count
                }
            }
        }

        /// Where a client of ours is.
        static func client(_ name: String) -> String {
            let here = #filePath.split(separator: "/", omittingEmptySubsequences: false)
            return "\(here.dropLast().joined(separator: "/"))/Clients/\(name)"
        }

        /// The suites of TLS 1.3 and those of TLS 1.2 that we have records for, as the standard calls them.
        static let suites13 = [
            "AES_128_GCM_SHA256", "AES_256_GCM_SHA384", "CHACHA20_POLY1305_SHA256",
        ]
        .map { "TLS_\($0)" }
        static let suites12 =
            ["ECDHE_ECDSA", "ECDHE_RSA"].flatMap { exchange in
                suites13.map { "TLS_\(exchange)_WITH_\($0.dropFirst(4))" }
            } + suites13.prefix(2).map { "TLS_RSA_WITH_\($0.dropFirst(4))" }
    }
}

// Clients of ours, each of which holds all its sessions in one run.
extension WholeGateway.OtherStacksTests {
    /// Runs a client, and looks at what its sessions have received. Answers its lines, one for each session.
    private func hold(
        _ count: Int,
        _ place: Place,
        by program: String,
        _ options: [String],
        _ sessions: [String]
    ) throws -> [Substring] {
        let steps = try place.conversation.write(to: place.directory)
        let ending = try ChildProcess.run(
            program,
            options + ["\(place.port)", place.authority, steps, place.directory.path] + sessions,
            seconds: Patience.seconds)
        try #require(ending.status == 0, "\(ending.output) \(ending.errors)")
        for number in 0..<count {
            let received = try Conversation.read(place.directory.file("\(number)"))
            #expect(place.conversation.isHeard(in: received), "session \(number)")
        }
        return ending.output.split(separator: "\n")
    }

    @Test(
        "records of one byte, records in TCP segments of one byte, and records behind Finished in its segment"
    )
    func cuts() async throws {
        try await Self.run { place in
            let manners = ["cut", "joined", "single", "whole"]
            let lines = try hold(
                8, place, by: "python3", [Self.client("records.py")],
                ["1.3", "1.2"].flatMap { version in manners.map { "\(version)/\($0)" } })
            let expected = ["TLSv1.3", "TLSv1.2"].flatMap { version in
                manners.map { "\($0) \(version) \($0 == "cut" ? "new" : "resumed")" }
            }
            #expect(lines.map(String.init) == expected)
            return Sessions(count: 8, resumed: 6)
        }
    }

    /// Only a JDK runs a source file.
    private static let hasJava = (try? ChildProcess.run("javac", ["-version"]))?.status == 0

    @Test(
        "Java: all suites of both versions, resumption, and KeyUpdates", .enabled(if: hasJava))
    func java() async throws {
        try await Self.run { place in
            let suites =
                Self.suites13.map { "TLSv1.3 \($0)" } + Self.suites12.map { "TLSv1.2 \($0)" }
            let lines = try hold(
                2 * suites.count, place, by: "java",
                ["-XX:TieredStopAtLevel=1", Self.client("Sessions.java")],
                suites.map { $0.replacing(" ", with: "/") })
            #expect(lines.map(String.init) == suites.flatMap { [$0, $0] })
            return Sessions(count: 2 * suites.count, resumed: suites.count)
        }
    }

    @Test("mbedTLS: all suites of TLS 1.2, resumption, and max_fragment_length")
    func mbedTLS() async throws {
        try await Self.run { place in
            let program = place.directory.file("sessions")
            let compiled = try ChildProcess.run(
                "cc",
                ["-Wall", "-Werror", "-o", program, Self.client("sessions.c")]
                    + ["mbedtls", "mbedx509", "mbedcrypto"].map { "-l\($0)" },
                seconds: Patience.seconds)
            try #require(compiled.status == 0, "\(compiled.errors)")
            let suites = Self.suites12.map { $0.replacing("_", with: "-") }
            // The codes of 512 to 4,096 bytes, with the first suites.
            let sessions = suites.map { "0/\($0)" } + (1...4).map { "\($0)/\(suites[$0])" }
            let lines = try hold(2 * sessions.count, place, by: program, [], sessions)
            #expect(
                lines.map(String.init)
                    == sessions.map { "TLSv1.2 \($0.dropFirst(2))" }.flatMap { [$0, $0] })
            return Sessions(count: 2 * sessions.count, resumed: sessions.count)
        }
    }
}
