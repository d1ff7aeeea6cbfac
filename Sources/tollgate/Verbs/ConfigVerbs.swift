import ArgumentParser
import FoundationEssentials
import Gateway
import Settings
import TLS

/// The configuration, looked at without starting anything.
struct ConfigVerbs: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "config", abstract: "The configuration.",
        subcommands: [Check.self] + commands(Show.self))

    struct Show: Verb {
        static let about =
            "What a gateway has started with: each key, its value, and where that comes from."
        static let example = "config show"
        var request: APIRequest { .list("settings", by: "key value origin") }
    }

    struct Check: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Says whether a gateway would start with a configuration.",
            discussion: """
                Reads file, environment and --set as serve does, and the certificates that they name; opens and \
                changes nothing. Exit code 0 when all is right, else 2 for what is written wrong and 1 for a \
                certificate that can't be used.
                """
                .followed(byExamples: "config check --config /etc/tollgate/tollgate.yaml"))

        @OptionGroup var settings: SettingsOptions
        @Option(help: "The directory of the stores; the same as --set data=DIR.")
        var data: String?

        func run() async throws {
            let configuration = try settings.load(data: data) { warning in
                Output.complain("\(warning)")
            }
            var problems: [String] = []
            var ends: [String] = []
            for file in Self.certificates(of: configuration) {
                do {
                    let validity = try CertificateValidity(ofCertificatesIn: file)
                    let days = Self.days(until: validity.notAfterSeconds)
                    if days < 0 {
                        problems.append("\(file): the certificate has expired")
                    } else {
                        ends.append("\(file): \(counted(days, "day")) left")
                    }
                } catch {
                    problems.append("\(error)")
                }
            }
            for problem in problems { Output.complain(problem) }
            if !problems.isEmpty { throw ExitCode(1) }
            let listeners = configuration.listeners.map(\.name).joined(separator: ", ")
            let lines =
                [
                    "the configuration is right: \(settings.config ?? "no file, the defaults")",
                    "data \(configuration.data), API on \(configuration.admin.address):\(configuration.admin.port)",
                    "listeners \(listeners)",
                ] + ends
            try Output.say(lines.joined(separator: "\n"))
        }

        private static func certificates(of configuration: GatewayConfiguration) -> [String] {
            let devices =
                configuration.listeners.contains { $0.tls } ? [configuration.tls.certificate] : []
            let api = configuration.admin.tls.certificate.map { [$0] } ?? []
            return devices + api
        }

        static func days(until seconds: Int64) -> Int64 {
            let left = Double(seconds) - Date().timeIntervalSince1970
            return Int64((left / 86_400).rounded(.down))
        }
    }
}

/// What a shell completes verbs and options with.
struct Completion: ParsableCommand {
    enum Shell: String, ExpressibleByArgument, CaseIterable {
        case bash, zsh, fish

        var parsers: CompletionShell {
            switch self {
            case .bash: .bash
            case .zsh: .zsh
            case .fish: .fish
            }
        }
    }

    static let configuration = CommandConfiguration(
        abstract: "Prints what a shell completes verbs and options with.",
        discussion: "".followed(
            byExamples: "completion bash > ~/.local/share/bash-completion/completions/tollgate"))

    @Argument(help: "bash, zsh or fish.") var shell: Shell

    func run() throws {
        try Output.raw(Array(Tollgate.completionScript(for: shell.parsers).utf8))
    }
}
