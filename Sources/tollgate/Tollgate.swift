import ArgumentParser
import Glibc
import Linux

/// The program: the gateway itself, and the verbs that speak to one over its API.
struct Tollgate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tollgate",
        abstract: "A gateway that activates, admits and meters MQTT devices.",
        version: Version.text,
        subcommands: [
            Serve.self, Probe.self, Check.self, BackUp.self, AccountVerbs.self, PackageVerbs.self,
            ProductVerbs.self,
            CodesVerbs.self, TopUpVerbs.self, DeviceVerbs.self, KeyVerbs.self, EventVerbs.self,
            WebhookVerbs.self, AlertVerbs.self, AuthorityVerbs.self, FirmwareVerbs.self,
            CampaignVerbs.self,
            ClockVerbs.self, ClusterVerbs.self, ConfigVerbs.self, Connections.self, Top.self,
            Completion.self,
        ]
    )
}

@main
enum Program {
    /// Exit codes: 0 done; 1 refused, or failed; 2 wrong usage; 141 the output's reader has gone.
    static func main() async {
        StandardStreams.prepare()
        do {
            var command = try Tollgate.parseAsRoot()
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
        } catch let code as ExitCode {
            exit(code.rawValue)
        } catch {
            let failure = failure(of: error)
            if !failure.text.isEmpty { Output.complain(failure.text) }
            exit(failure.code)
        }
    }

    /// Without the parser's `Error: `: the program's name stands there.
    private static func usage(_ text: String) -> String {
        text.hasPrefix("Error: ") ? String(text.dropFirst("Error: ".count)) : text
    }

    /// Help that was asked for is no failure.
    private static func failure(of error: any Error) -> Failure {
        if let failure = error as? Failure { return failure }
        let text = UsageLines.wrapped(Tollgate.fullMessage(for: error))
        guard Tollgate.exitCode(for: error) == .success else {
            let misspelling = Misspelling.text(of: CommandLine.arguments.dropFirst())
            return Failure(text: misspelling ?? usage(text), code: 2)
        }
        do throws(Failure) {
            if !text.isEmpty { try Output.say(text) }
        } catch {
            return error
        }
        return Failure(text: "", code: 0)
    }
}
