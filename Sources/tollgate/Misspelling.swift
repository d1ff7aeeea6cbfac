import ArgumentParser
import Settings

/// What to say to a verb that there is none of: the one that may have been meant.
enum Misspelling {
    /// What people try who come from other programs.
    private static let synonyms = [
        "add": "create", "cat": "show", "describe": "show", "disconnect": "kick", "get": "show",
        "info": "show", "logs": "follow", "ls": "list", "make": "create", "new": "create",
        "remove": "delete", "rm": "delete", "run": "serve", "start": "serve", "tail": "follow",
        "watch": "follow",
    ]

    /// One line, and how to see what there is; `nil` when every word that has to be a verb is one.
    static func text(of arguments: some Sequence<String>) -> String? {
        var command: any ParsableCommand.Type = Tollgate.self
        var path = ["tollgate"]
        for word in arguments {
            let children = command.configuration.subcommands
            if children.isEmpty || word.hasPrefix("-") || word == "help" { return nil }
            guard let child = children.first(where: { $0._commandName == word }) else {
                return text(word, below: path, among: children.map { $0._commandName })
            }
            command = child
            path.append(word)
        }
        return nil
    }

    private static func text(_ word: String, below path: [String], among names: [String]) -> String
    {
        let command = path.joined(separator: " ")
        let verb = (path.dropFirst() + [word]).joined(separator: " ")
        let synonym = synonyms[word].flatMap { names.contains($0) ? $0 : nil }
        let meant = synonym ?? UnknownKey.nearest(to: word, among: names)
        let hint = meant.map { ": did you mean '\(command) \($0)'?" } ?? ""
        return UsageLines.wrapped(
            """
            there is no verb '\(verb)'\(hint)
            Usage: \(command) <verb>: \(names.joined(separator: " | "))
              See '\(command) --help' for what each does.
            """)
    }
}
