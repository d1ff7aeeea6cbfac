@testable import LedgerModel

/// Of the cluster.
extension Samples {
    private static let partitions = PartitionTable.assigned(
        to: [NodeName("gate-1")!, NodeName("gate-2")!], after: nil)

    static let clusterActions: [Action] = [
        .cluster(.checkpoint(number: 300)),
        .cluster(.removeNode(node)),
        .cluster(.assignPartitions(partitions, after: 300)),
        .cluster(.report(digest)),
        .cluster(.followSessions(of: node, by: NodeName("gate-2")!, after: 300)),
        .cluster(.followSessions(of: node, by: nil, after: 0)),
        .cluster(.inheritSessions(of: node, by: NodeName("gate-2")!, after: 300)),
        .cluster(.settleInheritance(of: node, by: NodeName("gate-2")!, number: 300)),
    ]

    private static let digest = BooksDigest(
        mark: LogMark(position: 300, chain: ChainHash([UInt8](7..<39).span)!),
        tables: [
            TableDigest(name: "accounts", records: 300, hash: Array(0..<32)),
            TableDigest(name: "books", records: 0, hash: Array(1..<33)),
        ],
        problems: 300)

    static let clusterChanges: [Change] = [
        .cluster(.checkpoint(number: 300)),
        .cluster(.nodeRemoved(node)),
        .cluster(.partitionsAssigned(number: 300)),
        .cluster(.sessionsFollowed(of: node, by: NodeName("gate-2")!, number: 300)),
        .cluster(.sessionsFollowed(of: node, by: nil, number: 1)),
        .cluster(.sessionsInherited(of: node, by: NodeName("gate-2")!, number: 300)),
        .cluster(.inheritanceSettled(of: node, by: NodeName("gate-2")!, number: 300)),
    ]

    static let clusterRefusals: [Refusal] = [
        .cluster(.alone), .cluster(.unknownNode(node)), .cluster(.removedNode(node)),
        .cluster(.ownNode(node)), .cluster(.partitionsChanged(current: 300)),
        .cluster(.followingChanged(current: 300)), .cluster(.ownFollower(node)),
    ]
}
