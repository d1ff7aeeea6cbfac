public import Storage
public import Time

/// A node that the log has shown, as the books have it.
public struct ClusterMember: Hashable, Sendable {
    public let node: NodeName

    /// The one that it has begun last; 0 when it never did.
    public internal(set) var epoch: UInt64

    /// Of its last envelope of that epoch that was applied; 0: the hello.
    public internal(set) var number: UInt64

    /// Of its last entry in the log.
    public internal(set) var position: UInt64

    /// How far it is known to have applied the log.
    public internal(set) var applied: UInt64

    /// When the log took what says so; `nil` when that was before the books kept it.
    public internal(set) var at: Timestamp?

    /// For good: nothing of it counts, and its name is not used again.
    public internal(set) var isRemoved: Bool
}

extension ClusterMember {
    init(_ node: NodeName, _ sender: SenderRecord) {
        self.init(
            node: node, epoch: sender.epoch, number: sender.number, position: sender.position,
            applied: sender.applied, at: sender.at, isRemoved: sender.isRemoved)
    }

    /// A member that was silent for longer is waited for no more: it will need a snapshot.
    public static var silenceMilliseconds: Int64 { 86_400_000 }

    /// Whether it was silent for too long, at that time of the log.
    public func isLost(at time: Timestamp) -> Bool {
        guard !isRemoved, let at else { return false }
        return time.milliseconds(since: at) > Self.silenceMilliseconds
    }
}

extension [ClusterMember] {
    /// The time of the log, as far as members have shown it: no node's own clock decides about the others.
    var latest: Timestamp? { compactMap(\.at).max() }

    /// Entries before that position can be let go of: all members have applied them, and so many are kept behind
    /// them. `nil`: none. One that was silent for too long is not asked.
    public func truncatablePosition(keeping count: UInt64) -> UInt64? {
        guard let latest else { return nil }
        let applied = filter { !$0.isRemoved && !$0.isLost(at: latest) }.map(\.applied).min()
        guard let applied, applied > count else { return nil }
        return applied - count + 1
    }
}

/// The cluster that the books are of: who is in it, and who owns which clients.
extension Books {
    static var partitionsKey: UInt32 { 1 }

    /// Leases that are abandoned by one command.
    static var removalStep: UInt32 { 1_000 }

    /// All nodes that the log has shown so far, in the order of their names; also those that were removed.
    public func members(
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> [ClusterMember] {
        var members: [ClusterMember] = []
        try senders.forEach(in: transaction) { node, sender in
            members.append(ClusterMember(node, sender))
            return .proceed
        }
        return members
    }

    /// Who owns which clients; `nil` before the first assignment.
    public func partitions(
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> PartitionTable? {
        try partitions.get(Self.partitionsKey, in: transaction)?.table
    }

    func carryOut(
        _ action: ClusterAction,
        _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Outcome {
        guard try mark(in: transaction) != nil else { return .refused(.cluster(.alone)) }
        switch action {
        case .checkpoint(let number):
            let change = Change.cluster(.checkpoint(number: number))
            return .done(try record(change, command, in: transaction))
        case .report(let digest):
            let change = Change.cluster(.checkpoint(number: digest.mark.position))
            return .done(try record(change, command, in: transaction))
        case .removeNode(let node): return try remove(node, command, in: transaction)
        case .assignPartitions(let table, let after):
            return try assign(table, after: after, command, in: transaction)
        }
    }

    /// What a gateway left behind that was alone before it founded the cluster is known by its name alone.
    private func remove(
        _ node: NodeName,
        _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Outcome {
        let known = try senders.get(node, in: transaction)
        guard var sender = known ?? (node == .alone ? .unseen : nil) else {
            return .refused(.cluster(.unknownNode(node)))
        }
        if !sender.isRemoved {
            sender.isRemoved = true
            try senders.put(node, sender, in: transaction)
            _ = try record(.cluster(.nodeRemoved(node)), command, in: transaction)
        }
        let imports = try abandonImports(command, in: transaction) { $0.node == node }
        let leases = try abandon(LeaseHolder(node), Self.removalStep, command, in: transaction)
        guard case .ended(let count, let more)? = leases.effect else { return leases }
        return .done(.ended(count: imports + count, more: more))
    }

    private func assign(
        _ table: PartitionTable,
        after: UInt64,
        _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Outcome {
        let current = try partitions(in: transaction)?.number ?? 0
        guard after == current, table.number == current + 1 else {
            return .refused(.cluster(.partitionsChanged(current: current)))
        }
        for node in table.nodes {
            guard let sender = try senders.get(node, in: transaction) else {
                return .refused(.cluster(.unknownNode(node)))
            }
            if sender.isRemoved { return .refused(.cluster(.removedNode(node))) }
        }
        try partitions.put(Self.partitionsKey, PartitionsRecord(table: table), in: transaction)
        let change = Change.cluster(.partitionsAssigned(number: table.number))
        return .done(try record(change, command, in: transaction))
    }
}
