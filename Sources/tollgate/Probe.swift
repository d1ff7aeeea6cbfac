import Admin
import ArgumentParser
import Foundation
import MQTT

/// Sees from outside whether a gateway works.
struct Probe: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Checks from outside that a gateway answers: TCP, TLS, CONNECT, PING, readiness.",
        discussion: """
            Without --user or --device, an orderly refusal is an answer. The password of a user, or \
            the secret of a device, comes from TOLLGATE_PROBE_PASSWORD. A device that is let in is \
            activated as if it had connected itself. Exit code 0 when all is well, else 1.
            """
    )

    @Option(help: "mqtts://HOST[:PORT] or mqtt://HOST[:PORT].") var url = "mqtts://localhost:8883"
    @Option(help: "Also ask http://HOST:PORT/readyz.") var http: String?
    @Option(help: "PEM file of the authorities that the server's certificate must come from.")
    var ca: String?
    @Option(help: "The user name to connect with.") var user: String?
    @Option(help: "The client id to connect with.") var clientID = ""
    @Option(help: "Connect as this device, PK/DK, which signs with its secret.")
    var device: String?
    @Option(help: "Seconds until an answer is late.") var timeout = 10
    @Flag(help: "JSON for programs.") var json = false

    func validate() throws {
        if device != nil, user != nil || !clientID.isEmpty {
            throw ValidationError("--device says who connects: leave --user and --client-id out")
        }
    }

    func run() async throws {
        let start = ContinuousClock.now
        var problems: [String] = []
        var answer: MQTTProbe.Answer?
        do {
            answer = try await probe()
        } catch {
            problems.append("\(url): \((error as? Failure)?.text ?? HTTPClient.text(of: error))")
        }
        if let answer, user ?? device != nil, !answer.hasPonged {
            problems.append("\(url): refused, \(answer.reason)")
        }
        if let http, let problem = await readiness(http) { problems.append(problem) }
        report(problems, answer, ContinuousClock.now - start)
        if !problems.isEmpty { throw ExitCode(1) }
    }

    private func report(_ problems: [String], _ answer: MQTTProbe.Answer?, _ duration: Duration) {
        let milliseconds = duration / .milliseconds(1)
        if json {
            let document: JSON = [
                "ok": .bool(problems.isEmpty),
                "connack": answer.map { .text("\($0.reason)") } ?? .null,
                "pong": .bool(answer?.hasPonged == true),
                "milliseconds": .number(milliseconds),
                "problems": .array(problems.map { .text($0) }),
            ]
            Output.raw(document.bytes + [10])
        } else if problems.isEmpty, let answer {
            Output.say("\(url) answers: \(answer.reason), after \(Int(milliseconds)) ms")
        }
        for problem in problems where !json { Output.complain(problem) }
    }

    private func probe() async throws -> MQTTProbe.Answer {
        guard let parts = URLComponents(string: url), let host = parts.host, !host.isEmpty,
            let scheme = parts.scheme, ["mqtt", "mqtts"].contains(scheme)
        else { throw Failure(text: "must be mqtts://HOST[:PORT] or mqtt://HOST[:PORT]", code: 2) }
        let password = ProcessInfo.processInfo.environment["TOLLGATE_PROBE_PASSWORD"]
        let signature = try device.map { device throws(Failure) in
            try DeviceSignature(
                device: device,
                secret: password ?? "",
                isEncrypted: scheme == "mqtts"
            )
        }
        let probe = MQTTProbe(
            host: host,
            port: parts.port ?? (scheme == "mqtts" ? 8_883 : 1_883),
            isEncrypted: scheme == "mqtts",
            authorityFile: ca,
            userName: signature?.userName ?? user,
            password: signature?.password ?? password,
            clientID: signature?.clientID ?? clientID
        )
        let timeout = timeout
        return try await withThrowingTaskGroup(of: MQTTProbe.Answer?.self) { group in
            group.addTask { try await probe.run() }
            group.addTask {
                try await Task.sleep(for: .seconds(timeout))
                return nil
            }
            defer { group.cancelAll() }
            guard let answer = try await group.next() ?? nil else {
                throw Failure(text: "no answer within \(timeout) s")
            }
            return answer
        }
    }

    private func readiness(_ url: String) async -> String? {
        do throws(Failure) {
            let client = try HTTPClient(url: url)
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
