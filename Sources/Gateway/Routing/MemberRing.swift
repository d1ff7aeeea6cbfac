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
