import ArgumentParser
import Foundation

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
        ]
    )
}

@main
enum Program {
    /// Exit codes: 0 done, 1 refused or failed, 2 wrong usage.
    static func main() async {
        do {
            var command = try Tollgate.parseAsRoot()
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
        } catch let failure as Failure {
            Output.complain(failure.text)
            exit(failure.code)
        } catch let code as ExitCode {
            exit(code.rawValue)
        } catch {
            guard Tollgate.exitCode(for: error) != .success else { Tollgate.exit(withError: error) }
            Output.complain(Tollgate.fullMessage(for: error))
            exit(2)
        }
    }
}
