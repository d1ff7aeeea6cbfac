import ArgumentParser
import Glibc
import Linux
import Load

/// The load harness.
struct TollgateLoad: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tollgate-load",
        abstract: "Loads an MQTT server, and measures what it does.",
        discussion: """
            Latencies count from when a request was due: a server that stands still for a while shows it. Control-C \
            ends a run, and tells what it has measured. Exit code 0; 1 when anything failed, or the run was ended; \
            2 for wrong usage.
            """,
        subcommands: [
            ConnectCommand.self, ActivateCommand.self, IdleCommand.self, PublishCommand.self,
            StormCommand.self, SoakCommand.self, JoinCommand.self,
        ]
    )
}

@main
enum Program {
    static func main() {
        StandardStreams.prepare()
        do {
            var command = try TollgateLoad.parseAsRoot()
            try command.run()
        } catch let code as ExitCode {
            exit(code.rawValue)
        } catch {
            let failure = failure(of: error)
            if !failure.text.isEmpty { Output.complain(failure.text) }
            exit(failure.code)
        }
    }

    /// Help that was asked for is no failure.
    private static func failure(of error: any Error) -> Failure {
        if let failure = error as? Failure { return failure }
        let text = TollgateLoad.fullMessage(for: error, columns: 80)
        guard TollgateLoad.exitCode(for: error) == .success else {
            return Failure(
                text: text.hasPrefix("Error: ") ? String(text.dropFirst(7)) : text, code: 2)
        }
        do throws(Failure) {
            if !text.isEmpty { try Output.say(text) }
        } catch {
            return error
        }
        return Failure(text: "", code: 0)
    }
}
