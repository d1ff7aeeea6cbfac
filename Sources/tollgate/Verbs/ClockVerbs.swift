import ArgumentParser

struct ClockVerbs: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "clock",
        abstract: "The gateway's clock, and whether its books believe it.",
        subcommands: [Show.self, Confirm.self]
    )

    struct Show: AsyncParsableCommand {
        @OptionGroup var api: APIOptions

        func run() async throws { try await api.show(.get, "clock") }
    }

    struct Confirm: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Says that the clock is right: codes are consumed again.")

        @OptionGroup var api: APIOptions

        func run() async throws { try await api.show(.post, "clock/confirm") }
    }
}
