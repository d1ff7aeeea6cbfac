import Admin
import ArgumentParser
import FoundationEssentials
import Gateway
import TLS

/// Sees from outside whether a gateway works.
struct Probe: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Checks from outside that a gateway answers: TCP, TLS, CONNECT, PING, readiness.",
        discussion: """
            A server's certificate is verified, with the authorities that the system trusts unless --ca names \
            others. Without --user or --device, an orderly refusal is an answer; who is let in is pinged as well. \
            The password of a user, or the secret of a device, comes from TOLLGATE_PROBE_PASSWORD. A device that \
            is let in is activated as if it had connected itself. Exit code 0 when all is well, else 1.
            """
            .followed(
                byExamples: "probe --url mqtts://mqtt.example.org",
                "probe --url wss://mqtt.example.org/mqtt --device lamp/lamp-1",
                "probe --url mqtt://localhost:1883 --http http://localhost:8080 --count 5")
    )

    @Option(help: "mqtts://HOST[:PORT], mqtt://, or wss://HOST[:PORT][/PATH], ws://.")
    var url = "mqtts://localhost:8883"
    @Option(help: "Also ask http://HOST:PORT/readyz, or https.") var http: String?
    @Option(
        name: [.customLong("ca"), .customLong("ca-file")],
        help: """
            PEM file of the authorities that the server's certificate must come from. Default: TOLLGATE_CA, or \
            those that the system trusts.
            """)
    var ca: String?
    @Flag(help: "Takes any certificate, of whatever name.") var insecure = false
    @Option(help: "The user name to connect with.") var user: String?
    @Option(help: "The client id to connect with.") var clientID = ""
    @Option(help: "Connect as this device, PK/DK, which signs with its secret.")
    var device: String?
    @Option(
        help:
            "How many round trips are measured: PINGs of a client that is let in, else connections."
    )
    var count = 1
    @Option(help: "Seconds until an answer is late.") var timeout = 10
    @Flag(help: "JSON for programs.") var json = false

    func validate() throws {
        if device != nil, user != nil || !clientID.isEmpty {
            throw ValidationError("--device says who connects: leave --user and --client-id out")
        }
        if insecure, ca != nil {
            throw ValidationError("--insecure takes any certificate: leave --ca out")
        }
        guard (1...1_000).contains(count) else {
            throw ValidationError("--count must be 1 to 1000")
        }
    }

    func run() async throws {
        var problems: [String] = []
        var answer: MQTTProbe.Answer?
        do {
            answer = try await probe()
        } catch {
            problems.append(Self.text(of: error, url))
        }
        if let answer, user ?? device != nil, !answer.hasPonged {
            problems.append("\(url): refused, \(Self.text(of: answer))")
        }
        if let days = answer?.certificateDays, days < 0 {
            problems.append("\(url): its certificate has expired")
        }
        if let http, let problem = await readiness(http) { problems.append(problem) }
        try report(problems, answer)
        if !problems.isEmpty { throw ExitCode(1) }
    }

    /// What was answered; of a refusal that the gateway has a reason for, its name and what can be done.
    private static func text(of answer: MQTTProbe.Answer) -> String {
        guard let refusal = answer.refusal else { return answer.reason.words }
        return "\(refusal.name): \(refusal.text)\n  \(refusal.remedy)"
    }

    private static func text(of error: any Error, _ url: String) -> String {
        if let failure = error as? Failure { return "\(url): \(failure.text)" }
        let parts = URLComponents(string: url)
        return Connecting.text(
            of: error, host: parts?.host ?? "?", port: Place(url)?.port ?? 0, base: url)
    }

    private func report(_ problems: [String], _ answer: MQTTProbe.Answer?) throws(Failure) {
        if json {
            let document: JSON = [
                "ok": .bool(problems.isEmpty),
                "connack": answer.map { .text("\($0.reason)") } ?? .null,
                "reason": answer?.refusal.map { .text($0.name) } ?? .null,
                "pong": .bool(answer?.hasPonged == true),
                "milliseconds": answer.map { JSON($0.milliseconds) } ?? .null,
                "roundTrips": .array(answer?.roundTrips.map { JSON($0) } ?? []),
                "certificateDays": JSON(answer?.certificateDays),
                "problems": .array(problems.map { .text($0) }),
            ]
            try Output.json(document.bytes)
        } else if problems.isEmpty, let answer {
            try Output.say(
                "\(url) answers: \(answer.refusal?.name ?? answer.reason.words), after \(Int(answer.milliseconds)) ms"
                    + Self.details(of: answer, isVerified: !insecure))
        }
        for problem in problems where !json { Output.complain(problem) }
    }

    private static func details(of answer: MQTTProbe.Answer, isVerified: Bool) -> String {
        var lines: [String] = []
        if let days = answer.certificateDays {
            let state = isVerified ? "verified" : "not verified"
            lines.append("certificate \(state), \(counted(days, "day")) left")
        }
        let times = answer.roundTrips.sorted()
        if let least = times.first, let most = times.last {
            let name = answer.hasPonged ? "PING" : "connection and refusal"
            let middle = times[times.count / 2]
            lines.append(
                times.count == 1
                    ? "\(name) \(rounded(least)) ms"
                    : "\(times.count) times \(name): least \(rounded(least)), median \(rounded(middle)), most \(rounded(most)) ms"
            )
        }
        return lines.map { "\n\($0)" }.joined()
    }

    private static func rounded(_ milliseconds: Double) -> Double {
        (milliseconds * 10).rounded() / 10
    }

    /// What a URL names.
    private struct Place {
        let host: String
        let port: Int
        let isEncrypted: Bool

        /// `nil`: MQTT without a WebSocket.
        let path: String?

        init?(_ url: String) {
            guard let parts = URLComponents(string: url), let host = parts.host, !host.isEmpty,
                let scheme = parts.scheme
            else { return nil }
            let usual: Int
            switch scheme {
            case "mqtt": (isEncrypted, usual) = (false, 1_883)
            case "mqtts": (isEncrypted, usual) = (true, 8_883)
            case "ws": (isEncrypted, usual) = (false, 80)
            case "wss": (isEncrypted, usual) = (true, 443)
            default: return nil
            }
            self.host = host.hasPrefix("[") ? String(host.dropFirst().dropLast()) : host
            port = parts.port ?? usual
            let isWebSocket = scheme.hasPrefix("ws")
            path = isWebSocket ? (parts.path.isEmpty ? "/mqtt" : parts.path) : nil
        }
    }

    private func probe() async throws -> MQTTProbe.Answer {
        guard let place = Place(url) else {
            throw Failure(
                text: "must be mqtts://HOST[:PORT], mqtt://, wss://HOST[:PORT][/PATH] or ws://",
                code: 2)
        }
        let password = ProcessInfo.processInfo.environment["TOLLGATE_PROBE_PASSWORD"]
        let signature = try device.map { device throws(Failure) in
            try DeviceSignature(
                device: device, secret: password ?? "", isEncrypted: place.isEncrypted)
        }
        let probe = MQTTProbe(
            host: place.host, port: place.port, isEncrypted: place.isEncrypted,
            webSocketPath: place.path,
            authorityFile: place.isEncrypted && !insecure
                ? try TrustedAuthorities.required(named: ca) : nil,
            userName: signature?.userName ?? user, password: signature?.password ?? password,
            clientID: signature?.clientID ?? clientID, pingCount: count)
        var answer = try await within(probe)
        // Who is refused is not pinged: each connection is a round trip.
        while !answer.hasPonged, answer.roundTrips.count < count {
            answer.roundTrips += try await within(probe).roundTrips
        }
        return answer
    }

    private func within(_ probe: MQTTProbe) async throws -> MQTTProbe.Answer {
        try await tollgate.within(.seconds(timeout), orElse: "no answer within \(timeout) s") {
            try await probe.run()
        }
    }

    private func readiness(_ url: String) async -> String? {
        do throws(Failure) {
            let client = try HTTPClient(url: url, authorityFile: ca)
            let answer = try await client.send(.get, "/readyz", timeout: .seconds(timeout))
            if answer.status == 200 { return nil }
            let reasons = JSON(parsing: answer.bytes)?["reasons"]?.array ?? []
            let names = reasons.compactMap { $0["name"]?.text }.joined(separator: ", ")
            return "\(url)/readyz: \(answer.status) \(names)"
        } catch {
            return error.text
        }
    }
}

/// What `body` answers; a failure when that takes longer than `timeout`.
func within<Value: Sendable>(
    _ timeout: Duration,
    orElse text: String,
    _ body: @escaping @Sendable () async throws -> Value
) async throws -> Value {
    try await withThrowingTaskGroup(of: Value?.self) { group in
        group.addTask { try await body() }
        group.addTask {
            try await Task.sleep(for: timeout)
            return nil
        }
        defer { group.cancelAll() }
        guard let value = try await group.next() ?? nil else { throw Failure(text: text) }
        return value
    }
}
