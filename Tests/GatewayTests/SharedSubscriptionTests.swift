import MQTT
import Testing

@testable import Gateway

@Suite struct SharedSubscriptionTests {
    private func sessions(_ count: Int) -> [SessionAddress] {
        (0..<count).map { SessionAddress($0 % 3, UInt32($0)) }
    }

    private func tree(_ members: [SessionAddress], shard: Int = 0) -> TopicTree {
        var tree = TopicTree(seed: 7, shard: shard)
        for member in members { tree.insert(Subscriber(member, .atLeastOnce), "$share/g/a/+") }
        return tree
    }

    /// How many of `count` messages each session gets.
    private func tally(_ tree: inout TopicTree, _ count: Int) -> [SessionAddress: Int] {
        var tally: [SessionAddress: Int] = [:]
        for _ in 0..<count {
            for delivered in tree.receivers("a/b") { tally[delivered.session, default: 0] += 1 }
        }
        return tally
    }

    @Test("4.8.2: each message goes to one member, and to all members in turn")
    func balance() {
        let members = sessions(7)
        var tree = tree(members)
        let got = tally(&tree, 700)
        #expect(got.count == 7 && got.values.allSatisfy { $0 == 100 })
    }

    @Test(
        "4.8.2: every share that matches has its own copy, and so has a subscription of one's own")
    func copies() {
        let session = SessionAddress(0, 1)
        var tree = TopicTree(seed: 7, shard: 0)
        for filter in ["$share/g/a/+", "$share/h/a/+", "$share/g/a/b", "a/#", "a/b"] {
            tree.insert(Subscriber(session, identifier: UInt32(filter.utf8.count)), filter)
        }
        let found = tree.receivers("a/b")
        let shares = Set(found.map { $0.share ?? "" })
        #expect(found.count == 4)
        #expect(shares == ["", "$share/g/a/+", "$share/h/a/+", "$share/g/a/b"])
        for delivered in found {
            let own: [UInt32] = delivered.share.map { [UInt32($0.utf8.count)] } ?? [3, 3]
            #expect(delivered.identifiers == own)
        }
    }

    @Test("Shards begin at different members, so that their first messages meet different ones")
    func begin() {
        let members = sessions(4).sorted()
        let first = (0..<4).map { shard in
            var tree = tree(members.reversed(), shard: shard)
            return tree.receivers("a/b").first?.session
        }
        #expect(first == members)
    }

    @Test("Members who have a connection are chosen first, and in turn; without any, the others")
    func connectedFirst() {
        let members = sessions(6)
        var tree = tree(members)
        for member in members[..<4] { tree.setConnected(member, false) }
        #expect(tally(&tree, 20) == [members[4]: 10, members[5]: 10])
        for member in members[4...] { tree.setConnected(member, false) }
        let absent = tally(&tree, 60)
        #expect(absent.count == 6 && absent.values.allSatisfy { $0 == 10 })
        tree.setConnected(members[2], true)
        #expect(tally(&tree, 5) == [members[2]: 5])
        #expect(tree.count == 6 && tree.groupCount == 1)
        // Of no share: nothing changes.
        tree.setConnected(SessionAddress(9, 9), true)
        let removed = members.map { tree.remove($0, "$share/g/a/+") }
        #expect(removed.allSatisfy { $0 } && tree.isEmpty && tree.levelCount == 0)
    }

    @Test("A message that is left unacknowledged goes to another member, if there is one")
    func redistributed() {
        let members = sessions(3)
        var tree = tree(members)
        let share = "$share/g/a/+"
        let left = members[1]
        var got: [SessionAddress] = []
        for _ in 0..<4 {
            let member = tree.chooseMember(ofShare: share.utf8Span.span) { $0.session != left }
            if let member { got.append(member.session) }
        }
        #expect(got.count == 4 && Set(got) == [members[0], members[2]])
        tree.setConnected(members[0], false)
        tree.setConnected(members[2], false)
        let absent = tree.chooseMember(ofShare: share.utf8Span.span) { $0.session != left }
        #expect(absent != nil && absent?.session != left)
        let nobody = tree.chooseMember(ofShare: share.utf8Span.span) { _ in false }
        let unknown = tree.chooseMember(ofShare: "$share/x/a/+".utf8Span.span) { _ in true }
        #expect(nobody == nil && unknown == nil)
        #expect(tree.receivers("a/b") { _ in false }.isEmpty)
    }

    @Test("Members who come and go take nobody's turn")
    func turns() {
        let members = sessions(5).sorted()
        var tree = tree(members)
        #expect(tree.receivers("a/b").map(\.session) == [members[0]])
        #expect(tree.receivers("a/b").map(\.session) == [members[1]])
        _ = tree.remove(members[0], "$share/g/a/+")
        #expect(tree.receivers("a/b").map(\.session) == [members[2]])
        tree.insert(Subscriber(members[0]), "$share/g/a/+")
        #expect(tree.receivers("a/b").map(\.session) == [members[3]])
        // Options that change, or a member that goes when it is its turn.
        tree.insert(Subscriber(members[4], .exactlyOnce), "$share/g/a/+")
        _ = tree.remove(members[4], "$share/g/a/+")
        #expect(tree.receivers("a/b").map(\.session) == [members[0]])
    }
}
