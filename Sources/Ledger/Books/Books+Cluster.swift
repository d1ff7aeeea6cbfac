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

/// The cluster that the books are of: who is in it, who owns which clients, and who keeps whose stored sessions.
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

    /// Who keeps that node's stored sessions besides itself; `nil` before that was said for the first time.
    public func sessionFollowing(
        of node: NodeName, in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> SessionFollowing? {
        try sessionFollowings.get(node, in: transaction)?.following
    }

    /// The same of all nodes of which it was said, also of those that were removed.
    public func sessionFollowings(
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> [NodeName: SessionFollowing] {
        var followings: [NodeName: SessionFollowing] = [:]
        try sessionFollowings.forEach(in: transaction) { node, record in
            followings[node] = record.following
            return .proceed
        }
        return followings
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
        case .followSessions(let node, let follower, let after):
            return try follow(node, by: follower, after: after, command, in: transaction)
        case .inheritSessions(let node, let follower, let after):
            return try inherit(node, by: follower, after: after, command, in: transaction)
        case .settleInheritance(let node, let heir, let number):
            let heir = SessionHeir(node: heir, number: number)
            return try settle(heir, of: node, command, in: transaction)
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
            try endFollowing(by: node, command, in: transaction)
            try nodeBackups.delete(node, in: transaction)
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
            if let refusal = try absence(of: node, in: transaction) { return refusal }
        }
        try partitions.put(Self.partitionsKey, PartitionsRecord(table: table), in: transaction)
        let change = Change.cluster(.partitionsAssigned(number: table.number))
        return .done(try record(change, command, in: transaction))
    }

    /// The answer when something is to be given to a node that is not there; `nil` when it is.
    private func absence(
        of node: NodeName, in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Outcome? {
        guard let sender = try senders.get(node, in: transaction) else {
            return .refused(.cluster(.unknownNode(node)))
        }
        return sender.isRemoved ? .refused(.cluster(.removedNode(node))) : nil
    }
}

/// Who keeps whose stored sessions.
extension Books {
    private func follow(
        _ node: NodeName,
        by follower: NodeName?,
        after: UInt64,
        _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Outcome {
        if let refusal = try absence(of: node, in: transaction) { return refusal }
        if let follower {
            if let refusal = try absence(of: follower, in: transaction) { return refusal }
            if follower == node { return .refused(.cluster(.ownFollower(node))) }
        }
        let current = try sessionFollowing(of: node, in: transaction)?.number ?? 0
        guard after == current else {
            return .refused(.cluster(.followingChanged(current: current)))
        }
        return .done(
            try put(follower, of: node, command, in: transaction))
    }

    /// The node may have been removed: its follower has its sessions all the same.
    private func inherit(
        _ node: NodeName,
        by follower: NodeName,
        after: UInt64,
        _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Outcome {
        if let refusal = try absence(of: follower, in: transaction) { return refusal }
        if follower == node { return .refused(.cluster(.ownFollower(node))) }
        let current = try sessionFollowing(of: node, in: transaction)
        guard let current, after == current.number, current.follower == follower,
            !current.isInherited
        else { return .refused(.cluster(.followingChanged(current: current?.number ?? 0))) }
        let number = current.number + 1
        let next = SessionFollowing(
            number: number, follower: follower, isInherited: true,
            heirs: current.heirs + [SessionHeir(node: follower, number: number)])
        try sessionFollowings.put(
            node, SessionFollowingRecord(following: next), in: transaction)
        let change = Change.cluster(
            .sessionsInherited(of: node, by: follower, number: next.number))
        return .done(try record(change, command, in: transaction))
    }

    /// A follower that was removed has nothing for the others any more. What it has taken over stays taken over.
    private func endFollowing(
        by follower: NodeName, _ command: Command, in transaction: borrowing WriteTransaction
    ) throws(StoreError) {
        let followings = try sessionFollowings(in: transaction)
            .filter { $0.value.follower == follower && !$0.value.isInherited }
        for node in followings.keys.sorted() {
            _ = try put(nil, of: node, command, in: transaction)
        }
        for (node, following) in try sessionFollowings(in: transaction).sorted(by: {
            $0.key < $1.key
        }) {
            for heir in following.heirs where heir.node == follower {
                _ = try settle(heir, of: node, command, in: transaction)
            }
        }
    }

    private func settle(
        _ heir: SessionHeir,
        of node: NodeName,
        _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Outcome {
        let current = try sessionFollowing(of: node, in: transaction)
        guard let current, current.heirs.contains(heir) else {
            return .refused(.cluster(.followingChanged(current: current?.number ?? 0)))
        }
        let next = SessionFollowing(
            number: current.number, follower: current.follower, isInherited: current.isInherited,
            heirs: current.heirs.filter { $0 != heir })
        try sessionFollowings.put(
            node, SessionFollowingRecord(following: next), in: transaction)
        let change = Change.cluster(
            .inheritanceSettled(of: node, by: heir.node, number: heir.number))
        return .done(try record(change, command, in: transaction))
    }

    private func put(
        _ follower: NodeName?,
        of node: NodeName,
        _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Effect {
        let current = try sessionFollowing(of: node, in: transaction)
        let next = SessionFollowing(
            number: (current?.number ?? 0) + 1, follower: follower, isInherited: false,
            heirs: current?.heirs ?? [])
        try sessionFollowings.put(
            node, SessionFollowingRecord(following: next), in: transaction)
        let change = Change.cluster(
            .sessionsFollowed(of: node, by: follower, number: next.number))
        return try record(change, command, in: transaction)
    }
}
