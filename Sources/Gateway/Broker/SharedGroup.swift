import Bytes

/// Those who share one subscription (4.8.2): a share name and a filter. Each message goes to one of
/// them, in turn.
struct SharedGroup {
    /// Where its filter ends in the tree.
    let node: Int

    /// `$share/{name}/{filter}`, as its members wrote it.
    let text: [UInt8]

    private var connected: MemberRing
    private var absent: MemberRing

    /// - Parameter turn: which member is the first to get a message; differs from shard to shard, so
    ///   that seldom messages on many shards do not all go to one member.
    init(node: Int, text: [UInt8], turn: Int) {
        self.node = node
        self.text = text
        connected = MemberRing(turn: turn)
        absent = MemberRing(turn: turn)
    }

    var isEmpty: Bool { connected.isEmpty && absent.isEmpty }

    /// Whether some member has a connection.
    var hasConnected: Bool { !connected.isEmpty }

    /// Whether some member's session outlives its connection.
    var hasStored: Bool {
        connected.members.contains(where: \.isStored) || absent.members.contains(where: \.isStored)
    }

    /// Adds a member, or changes its options; whether it is new.
    mutating func insert(_ member: Subscriber, isConnected: Bool) -> Bool {
        if isConnected {
            let wasAbsent = absent.remove(member.session) != nil
            return connected.insert(member) && !wasAbsent
        }
        let wasConnected = connected.remove(member.session) != nil
        return absent.insert(member) && !wasConnected
    }

    /// Whether it was a member.
    mutating func remove(_ session: SessionAddress) -> Bool {
        connected.remove(session) != nil || absent.remove(session) != nil
    }

    mutating func setConnected(_ session: SessionAddress, _ isConnected: Bool) {
        let member = isConnected ? absent.remove(session) : connected.remove(session)
        if let member { _ = insert(member, isConnected: isConnected) }
    }

    /// Who gets the next message: of those that `isWanted`, the connected ones in turn, and when there
    /// are none, the others in turn, whose sessions keep it. Those of this node before those of others.
    mutating func choose(where isWanted: (Subscriber) -> Bool) -> Subscriber? {
        connected.nextNearest(where: isWanted) ?? absent.nextNearest(where: isWanted)
    }
}

/// Members of a share that take turns.
struct MemberRing {
    /// In the sessions' order, so that it is the same on every shard.
    private(set) var members: [Subscriber] = []

    /// Whose turn it is; counted round.
    private var turn: Int

    init(turn: Int) { self.turn = turn }

    var isEmpty: Bool { members.isEmpty }

    func contains(_ session: SessionAddress) -> Bool { members.position(of: session).isThere }

    /// Puts a member in, or changes its options; nobody's turn is skipped. Whether it is new.
    mutating func insert(_ member: Subscriber) -> Bool {
        let (index, isThere) = members.position(of: member.session)
        if isThere {
            members[index] = member
        } else {
            members.insert(member, at: index)
            if index < turn { turn += 1 }
        }
        return !isThere
    }

    /// Takes a member out; nobody's turn is skipped.
    mutating func remove(_ session: SessionAddress) -> Subscriber? {
        let (index, isThere) = members.position(of: session)
        guard isThere else { return nil }
        if index < turn { turn -= 1 }
        return members.remove(at: index)
    }

    /// The next one, of this node, and when there is none, of another.
    mutating func nextNearest(where isWanted: (Subscriber) -> Bool) -> Subscriber? {
        // In order, so those of other nodes are the last.
        guard let last = members.last, last.isElsewhere else { return next(where: isWanted) }
        return next { !$0.isElsewhere && isWanted($0) } ?? next(where: isWanted)
    }

    /// The next one whose turn it is, of those that `isWanted`; costs one step for each that is not.
    mutating func next(where isWanted: (Subscriber) -> Bool) -> Subscriber? {
        for step in members.indices {
            let index = (turn + step) % members.count
            if isWanted(members[index]) {
                turn = index + 1
                return members[index]
            }
        }
        return nil
    }
}
