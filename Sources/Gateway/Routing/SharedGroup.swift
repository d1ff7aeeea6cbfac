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
    /// are none, the others in turn, whose sessions keep it.
    mutating func choose(where isWanted: (Subscriber) -> Bool) -> Subscriber? {
        connected.next(where: isWanted) ?? absent.next(where: isWanted)
    }
}
