import Admin
import ArgumentParser
import Glibc

/// Takes a node out for good.
struct ClusterRemove: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "remove",
        abstract: "Takes out a node that will not come back.",
        discussion: """
            Its leases of top-up packs count as used, the imports that it was receiving are abandoned, what it still \
            sends is void, and its name is not used again. Asked of another node than that one. A gateway that comes \
            back joins under another name.

            EXAMPLE: tollgate cluster remove n3 --yes
            """)

    @Argument(help: "The node's name.") var node: String
    @Flag(help: "Does not ask.") var yes = false
    @OptionGroup var api: APIOptions

    func run() async throws {
        try confirm()
        let bytes = try await api.send(.delete, "cluster/nodes/\(node.escaped)")
        guard !api.json, let document = JSON(parsing: bytes) else { return try Output.json(bytes) }
        let ended = document["ended"]?.integer ?? 0
        let cost =
            ended == 0
            ? "it had nothing under way" : "\(ended) of its leases and imports were ended"
        try Output.say("node \(node) is removed for good: \(cost)")
    }

    private func confirm() throws(Failure) {
        if yes { return }
        guard Output.complainsToTerminal, isatty(STDIN_FILENO) == 1 else {
            throw Failure(text: "node \(node) would be removed for good: say --yes", code: 2)
        }
        Output.ask(
            "Remove node \(node) for good? Its leases count as used, its name is not used again. [y/N] "
        )
        guard ["y", "yes"].contains(readLine()?.lowercased()) else {
            throw Failure(text: "nothing was done")
        }
    }
}
