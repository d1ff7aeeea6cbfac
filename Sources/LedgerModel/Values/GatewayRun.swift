/// One run of a gateway, from its start to its end: what it was receiving then, nobody carries on with.
public struct GatewayRun: Hashable, Sendable {
    public let node: NodeName

    /// Random, another for each start.
    public let number: UInt64

    public init(node: NodeName, number: UInt64) {
        self.node = node
        self.number = number
    }

    /// Whether that is another run of the same node. Of what other nodes run, it says nothing.
    package func isAnother(than run: GatewayRun) -> Bool {
        node == run.node && number != run.number
    }
}
