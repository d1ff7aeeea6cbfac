import ArgumentParser

struct ClockVerbs: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "clock", abstract: "The gateway's clock, and whether its books believe it.",
        subcommands: commands(Show.self, Confirm.self))

    struct Show: Verb {
        var request: APIRequest { .get("clock") }
    }

    struct Confirm: Verb {
        static let about = "Says that the clock is right: codes are consumed again."

        var request: APIRequest { .post("clock/confirm") }
    }
}
