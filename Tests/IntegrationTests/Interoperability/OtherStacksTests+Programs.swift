import Gateway
import Support
import TestFiles
import Testing

// The clients that come with the stacks: what they are given they send, and what they receive they write.
extension WholeGateway.OtherStacksTests {
    /// Holds the conversation but for its end; `beforeLast` comes before the last step.
    private func hold(
        _ conversation: Conversation,
        by process: ChildProcess,
        beforeLast: () throws -> Void = {}
    ) throws {
        for (number, step) in conversation.steps.enumerated() {
            if number == conversation.steps.count - 1 { try beforeLast() }
            try process.write(step.sent, seconds: Patience.seconds)
            for answer in step.answers {
                let isThere = process.waitForOutput(containing: answer, seconds: Patience.seconds)
                try #require(
                    isThere, "step \(number): \(process.errors) \(process.output.suffix(500))")
            }
        }
    }

    // MARK: OpenSSL

    /// Holds a session with `openssl s_client`. Answers what it has written. Keys are updated before the last step:
    /// `K` asks for an update of ours, `k` does not; `hasSeen` is given the number of KeyUpdates that must have gone
    /// each way by then.
    @discardableResult
    private func holdWithOpenSSL(
        _ place: Place,
        _ options: [String],
        updatingKeys updates: [String] = [],
        seen hasSeen: (_ sent: Int, _ received: Int) throws -> Bool = { _, _ in true }
    ) throws -> String {
        let process = try ChildProcess(
            "openssl",
            [
                "s_client", "-connect", "127.0.0.1:\(place.port)", "-CAfile", place.authority,
                "-verify_return_error", "-servername", "localhost",
            ] + options,
            takesInput: true)
        try hold(place.conversation, by: process) {
            for (number, command) in updates.enumerated() {
                try process.write(Array("\(command)\n".utf8))
                let isDone = process.waitForOutput(seconds: Patience.seconds) { _, errors in
                    errors.split(separator: "\n").count { $0 == "KEYUPDATE" } == number + 1
                }
                try #require(isDone, "\(process.errors)")
                // The next one waits for the answer: several that are read at once are answered by one (RFC 8446, 4.6.3).
                let asked = updates.prefix(number + 1).count { $0 == "K" }
                #expect(try Patience.awaits { try hasSeen(number + 1, asked) })
            }
        }
        try process.write(Array("Q\n".utf8))
        let ending = try process.wait(seconds: Patience.seconds)
        #expect(
            ending.status == 0 && ending.errors.hasSuffix("DONE\n"), "\(options): \(ending.errors)")
        return ending.output
    }

    @Test("OpenSSL: all suites of both versions; CBC stays with OpenSSL")
    func openSSL() async throws {
        try await Self.run { place in
            for suite in Self.suites13 {
                let output = try holdWithOpenSSL(place, ["-tls1_3", "-ciphersuites", suite])
                #expect(output.contains("New, TLSv1.3, Cipher is \(suite)\n"))
            }
            let suites12 = ["ECDHE-ECDSA-", "ECDHE-RSA-", ""].flatMap { exchange in
                ["AES128-GCM-SHA256", "AES256-GCM-SHA384", "CHACHA20-POLY1305"].map {
                    exchange + $0
                }
            }.dropLast()
            for suite in suites12 + ["ECDHE-ECDSA-AES128-SHA256"] {
                let output = try holdWithOpenSSL(place, ["-tls1_2", "-cipher", suite])
                #expect(output.contains(", TLSv1.2, Cipher is \(suite)\n"))
            }
            return Sessions(count: 3 + 8 + 1, kept: 1)
        }
    }

    @Test(
        "OpenSSL: KeyUpdates, those that ask for ours and those that don't", arguments: [0, 1, 2])
    func keyUpdates(suite: Int) async throws {
        try await Self.run { place in
            let log = place.directory.file("messages")
            try holdWithOpenSSL(
                place,
                ["-tls1_3", "-ciphersuites", Self.suites13[suite], "-msg", "-msgfile", log],
                updatingKeys: ["K", "k", "k", "K"]
            ) { sent, received in
                try [(">>>", sent), ("<<<", received)].allSatisfy { direction, count in
                    let found = try ChildProcess.run(
                        "grep", ["-c", "^\(direction).* KeyUpdate$", log])
                    return found.output == "\(count)\n"
                }
            }
            return Sessions(count: 1)
        }
    }

    @Test("OpenSSL: sessions of both versions are resumed")
    func openSSLResumption() async throws {
        try await Self.run { place in
            for version in ["-tls1_3", "-tls1_2"] {
                let file = place.directory.file("session\(version)")
                try holdWithOpenSSL(place, [version, "-sess_out", file])
                let output = try holdWithOpenSSL(place, [version, "-sess_in", file])
                #expect(output.contains("Reused, TLSv1."))
            }
            return Sessions(count: 4, resumed: 2)
        }
    }

    @Test("OpenSSL: early data are offered and skipped, also behind a HelloRetryRequest")
    func earlyData() async throws {
        try await Self.run { place in
            let file = place.directory.file("session")
            let changed = place.directory.file("session-early")
            let early = place.directory.file("early")
            try Conversation.write(place.conversation.steps[0].sent, to: early)
            for options in [[], ["-groups", "P-521:X25519"]] {
                try holdWithOpenSSL(place, ["-tls1_3", "-sess_out", file])
                let made = try ChildProcess.run(
                    "python3", [Self.client("allow_early_data.py"), file, changed],
                    seconds: Patience.seconds)
                try #require(made.status == 0, "\(made.errors)")
                let output = try holdWithOpenSSL(
                    place, ["-tls1_3", "-sess_in", changed, "-early_data", early] + options)
                #expect(output.contains("Reused, TLSv1.3"))
                #expect(output.contains("Early data was rejected"))
            }
            return Sessions(count: 4, resumed: 2)
        }
    }

    @Test("OpenSSL: small records, padded records, and max_fragment_length")
    func fragments() async throws {
        let settings = [
            ["-max_send_frag", "512"], ["-max_send_frag", "4096", "-split_send_frag", "1000"],
            ["-record_padding", "512"], ["-record_padding", "16384"], ["-maxfraglen", "512"],
            ["-maxfraglen", "4096"],
        ]
        try await Self.run { place in
            for setting in settings {
                for version in ["-tls1_3", "-tls1_2"] {
                    try holdWithOpenSSL(place, [version] + setting)
                }
            }
            return Sessions(count: 2 * settings.count)
        }
    }

    // MARK: GnuTLS

    /// Holds a session with `gnutls-cli`. Answers what it has written.
    @discardableResult
    private func holdWithGnuTLS(
        _ place: Place,
        _ priority: String,
        _ options: [String] = [],
        updatingKeysBy command: String? = nil
    ) throws -> String {
        let process = try ChildProcess(
            "gnutls-cli",
            [
                "--port=\(place.port)", "--x509cafile=\(place.authority)",
                "--priority=NORMAL:-VERS-ALL:-CIPHER-ALL:\(priority)", "--inline-commands",
            ] + options + ["localhost"],
            takesInput: true)
        try hold(place.conversation, by: process) {
            guard let command else { return }
            try process.write(Array("\(command)\n".utf8))
            let isDone = process.waitForOutput(
                containing: Array("- Rekey was completed\n".utf8), seconds: Patience.seconds)
            try #require(isDone, "\(process.output.suffix(500)) \(process.errors)")
        }
        process.finishInput()
        let ending = try process.wait(seconds: Patience.seconds)
        #expect(ending.status == 0, "\(priority): \(ending.errors)")
        #expect(ending.output.hasSuffix("- Peer has closed the GnuTLS connection\n"))
        return ending.output
    }

    private static let ciphersOfGnuTLS = ["AES-128-GCM", "AES-256-GCM", "CHACHA20-POLY1305"]

    @Test("GnuTLS: all suites of TLS 1.3, each resumed, and KeyUpdates")
    func gnuTLS13() async throws {
        try await Self.run { place in
            for cipher in Self.ciphersOfGnuTLS {
                let priority = "+VERS-TLS1.3:+\(cipher)"
                let output = try holdWithGnuTLS(place, priority, ["--resume", "--waitresumption"])
                #expect(output.contains("*** This is a resumed session"))
                // The second asks for one of ours.
                for command in ["^rekey^", "^rekey1^"] {
                    try holdWithGnuTLS(place, priority, updatingKeysBy: command)
                }
            }
            return Sessions(count: 12, resumed: 3)
        }
    }

    @Test("GnuTLS: all suites of TLS 1.2, each resumed")
    func gnuTLS12() async throws {
        try await Self.run { place in
            let pairs = ["ECDHE-ECDSA", "ECDHE-RSA", "RSA"].flatMap { exchange in
                Self.ciphersOfGnuTLS.map { (exchange, $0) }
            }.dropLast()
            for (exchange, cipher) in pairs {
                let output = try holdWithGnuTLS(
                    place, "+VERS-TLS1.2:+\(cipher):-KX-ALL:+\(exchange)", ["--resume"])
                #expect(output.contains("*** This is a resumed session"))
            }
            return Sessions(count: 2 * pairs.count, resumed: pairs.count)
        }
    }

    // MARK: NSS

    /// The options of `tstclnt` for a version.
    private func optionsOfNSS(_ place: Place, _ version: String) -> [String] {
        [
            "-h", "localhost", "-4", "-p", "\(place.port)", "-d", "sql:\(place.directory.path)",
            "-V", "\(version):\(version)",
        ]
    }

    private func makeDatabaseOfNSS(_ place: Place) throws {
        let database = ["-d", "sql:\(place.directory.path)"]
        for arguments in [
            ["-N", "--empty-password"],
            ["-A", "-n", "authority", "-t", "C,,", "-i", place.authority],
        ] {
            let ending = try ChildProcess.run(
                "certutil", database + arguments, seconds: Patience.seconds)
            try #require(ending.status == 0, "\(ending.errors)")
        }
    }

    @Test("NSS: all suites of both versions")
    func nss() async throws {
        try await Self.run { place in
            try makeDatabaseOfNSS(place)
            let suites =
                ["1301", "1302", "1303"].map { ("tls1.3", $0) }
                + ["C02B", "C02C", "CCA9", "C02F", "C030", "CCA8", "009C", "009D"].map {
                    ("tls1.2", $0)
                }
            for (version, suite) in suites {
                let process = try ChildProcess(
                    "tstclnt", optionsOfNSS(place, version) + ["-c", ":\(suite)"], takesInput: true)
                try hold(place.conversation, by: process)
                // It waits for the gateway to close, and for the end of its input.
                try process.write(Conversation.disconnect)
                process.finishInput()
                let ending = try process.wait(seconds: Patience.seconds)
                #expect(ending.status == 0, "\(suite): \(ending.errors)")
            }
            return Sessions(count: suites.count)
        }
    }

    @Test("NSS: sessions of both versions are resumed")
    func nssResumption() async throws {
        try await Self.run { place in
            try makeDatabaseOfNSS(place)
            let request = place.directory.file("request")
            let steps = [place.conversation.steps[0], place.conversation.steps[2]]
            try Conversation.write(
                steps.flatMap(\.sent) + Conversation.disconnect, to: request)
            for version in ["tls1.3", "tls1.2"] {
                // With a suite named (-c) it aborts before the second connection.
                let ending = try ChildProcess.run(
                    "tstclnt", optionsOfNSS(place, version) + ["-u", "-A", request, "-L", "2"],
                    seconds: Patience.seconds)
                #expect(ending.status == 0, "\(ending.errors)")
                #expect(ending.errors.contains("1 stateless resumes"), "\(ending.errors)")
                let puback = String(decoding: steps[1].answers[0], as: UTF8.self)
                #expect(ending.output.split(separator: puback).count == 2, "\(ending.output)")
            }
            return Sessions(count: 4, resumed: 2)
        }
    }
}
