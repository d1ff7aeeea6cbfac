import ArgumentParser

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
