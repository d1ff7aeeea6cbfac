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
    @OptionGroup var consent: ConsentOptions
    @OptionGroup var place: GatewayPlace

    func run() async throws {
        let client = try place.client()
        try await consent.ask { () async throws(Failure) in
            let sight = try ClusterSight(try await client.document(.get, "cluster"))
            guard let member = sight.members.first(where: { $0.name == node }) else {
                throw Failure(
                    text: "cluster \(sight.cluster) has no node \(node): it has "
                        + sight.members.map(\.name).joined(separator: ", "))
            }
            let heard = member.silentSeconds.map { "was last heard of \($0) s ago" } ?? "is silent"
            return
                "node \(node), which \(heard), would be removed for good: its leases count as used,"
                + " its imports are abandoned, its name is not used again"
        }
        let bytes = try await client.send(.delete, "cluster/nodes/\(node.escaped)")
        guard client.form == .table, let document = JSON(parsing: bytes) else {
            return try Output.json(bytes)
        }
        let ended = document["ended"]?.integer ?? 0
        let cost =
            ended == 0
            ? "it had nothing under way" : "\(ended) of its leases and imports were ended"
        try Output.say("node \(node) is removed for good: \(cost)")
    }
}
