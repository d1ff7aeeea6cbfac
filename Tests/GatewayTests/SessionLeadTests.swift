import Ledger
import Linux
import Sessions
import Storage
import Synchronization
import Testing

@testable import Gateway

/// What a node confirms of its stored sessions, and when, while others follow it.
@Suite("Stored sessions that another node keeps, too")
struct SessionLeadTests {
    private static let n1 = NodeName("n1")!
    private static let n2 = NodeName("n2")!
    private static let n3 = NodeName("n3")!

    /// Which changes were confirmed, and which were not.
    private final class Answers: Sendable {
        let confirmed = Mutex<[Int]>([])
        let failed = Mutex<[Int]>([])
    }

    /// A lead, what it has asked for, and which changes it has confirmed.
    private final class Scene {
        var lead: SessionLead
        var effects: [SessionLead.Effect] = []
        let answers = Answers()
        var time = MonotonicInstant(nanoseconds: 1_000_000_000)

        init(_ record: SessionFollowing? = nil) { lead = SessionLead(n1, record) }

        func take(_ more: [SessionLead.Effect]) {
            for effect in more {
                switch effect {
                case .confirm(let confirmation): confirmation(.success(()))
                case .fail(let confirmation):
                    confirmation(.failure(.stopped(why: "void")))
                case .send, .read, .propose, .beginAnew, .say: effects.append(effect)
                }
            }
        }

        /// A change with that number is on this node's disk.
        func commit(_ number: Int) {
            let change = SessionChange.sent(SessionNumber(1), below: UInt64(number))
            take(
                lead.committed(
                    FollowedChanges([change]), bytes: 24,
                    { [answers] result in
                        switch result {
                        case .success: answers.confirmed.withLock { $0.append(number) }
                        case .failure: answers.failed.withLock { $0.append(number) }
                        }
                    }, at: time))
        }

        var confirmations: [Int] { answers.confirmed.withLock { $0 } }

        func look(_ present: [NodeName] = [n1, n2, n3]) {
            take(lead.look(present: present, newCopy: 7, at: time))
        }

        func kept(_ number: UInt64, from node: NodeName = n2) {
            take(lead.kept(number, copy: 7, from: node, at: time))
        }

        func books(_ number: UInt64, _ follower: NodeName?, isInherited: Bool = false) {
            let record = SessionFollowing(
                number: number, follower: follower, isInherited: isInherited)
            take(lead.books(record, hasAnswered: true, at: time))
        }

        /// What was asked for since the last call, in words.
        func said() -> [String] {
            defer { effects = [] }
            return effects.map { effect in
                switch effect {
                case .send(.begin(_, _), let node): "begin \(node)"
                case .send(.changes(_, let number, _), let node): "changes \(number) \(node)"
                case .send(.complete(_, let number, let mark), let node):
                    "complete \(number) as \(mark) \(node)"
                case .send(.kept, _), .send(.refused, _): "answer"
                case .confirm, .fail: "confirmation"
                case .read(let name, _): "read \(name == nil ? "first" : "next")"
                case .propose(let node, let after):
                    "propose \(node?.text ?? "none") after \(after)"
                case .beginAnew: "begin anew"
                case .say(.followed(let node)): "followed by \(node)"
                case .say(.lost(let node, let loss)): "lost \(node): \(loss)"
                }
            }
        }

        /// Brings it to be followed by n2.
        func follow() {
            look()
            take(lead.read([], next: nil, copy: 7, at: time))
            kept(1)
            books(1, n2)
            _ = said()
        }
    }

    @Test("a copy is made of pages and of what is written meanwhile, and then the books are asked")
    func copy() throws {
        let scene = Scene()
        scene.commit(1)
        #expect(scene.confirmations == [1])
        scene.look()
        #expect(scene.said() == ["begin n2", "read first"])
        scene.commit(2)
        #expect(scene.confirmations == [1, 2], "a copy that is being made is waited for by no one")
        #expect(scene.said() == ["changes 1 n2"])
        let name = SessionName(anonymous: "client".utf8Span.span)!
        let page = FollowedChanges([.sent(SessionNumber(2), below: 1)])
        scene.take(
            scene.lead.read([(page, 10)], next: .session(name), copy: 7, at: scene.time))
        #expect(scene.said() == ["changes 2 n2"])
        scene.kept(1)
        #expect(scene.said() == [], "one page at a time")
        scene.kept(2)
        #expect(scene.said() == ["read next"])
        scene.take(scene.lead.read([(page, 10)], next: nil, copy: 7, at: scene.time))
        scene.kept(3)
        #expect(scene.said() == ["changes 3 n2", "complete 4 as 1 n2"])
        scene.commit(3)
        #expect(scene.confirmations == [1, 2], "from here on it has to be on both disks")
        scene.kept(4)
        #expect(scene.said() == ["changes 5 n2", "propose n2 after 0"])
        scene.books(1, Self.n2)
        #expect(scene.confirmations == [1, 2])
        scene.kept(5)
        #expect(scene.confirmations == [1, 2, 3])
        #expect(scene.lead.phase == .following)
    }

    @Test("once followed, nothing is confirmed before the follower has it, and in order")
    func following() {
        let scene = Scene()
        scene.follow()
        for number in 1...3 { scene.commit(number) }
        #expect(scene.confirmations == [])
        scene.kept(3)
        #expect(scene.confirmations == [1, 2])
        scene.kept(3)
        scene.kept(9, from: Self.n3)
        #expect(scene.confirmations == [1, 2])
        scene.kept(4)
        #expect(scene.confirmations == [1, 2, 3])
    }

    @Test("a follower that is lost: nothing is confirmed until the books name none")
    func loss() {
        let scene = Scene()
        scene.follow()
        scene.commit(1)
        scene.take(scene.lead.lost(Self.n2, at: scene.time))
        #expect(scene.said() == ["changes 2 n2", "lost n2: unreachable", "propose none after 1"])
        scene.commit(2)
        scene.kept(2)
        #expect(scene.confirmations == [])
        scene.books(2, nil)
        #expect(scene.confirmations == [1, 2])
        #expect(scene.lead.phase == .alone)
    }

    @Test("a follower that was faster than the loss of it: all is void, and is told so")
    func inherited() {
        let scene = Scene()
        scene.follow()
        scene.commit(1)
        scene.take(scene.lead.lost(Self.n2, at: scene.time))
        _ = scene.said()
        scene.books(2, Self.n2, isInherited: true)
        #expect(scene.said() == ["begin anew"])
        scene.commit(2)
        #expect(scene.confirmations == [])
        #expect(scene.answers.failed.withLock { $0 } == [1, 2])
        scene.books(3, nil)
        #expect(scene.lead.phase == .void, "a process that has lost them does not go on")
    }

    @Test("the books are asked again when no answer comes, and not while one is awaited")
    func asking() {
        let scene = Scene()
        scene.follow()
        scene.take(scene.lead.lost(Self.n2, at: scene.time))
        #expect(scene.said() == ["lost n2: unreachable", "propose none after 1"])
        scene.time = scene.time.adding(milliseconds: 5_000)
        scene.look()
        #expect(scene.said() == [])
        scene.books(1, Self.n2)
        #expect(scene.said() == ["propose none after 1"], "the log has refused, or lost it")
    }

    @Test(
        "a process that begins with a follower in the books, or that others have inherited from, first leaves it"
    )
    func start() {
        let scene = Scene(SessionFollowing(number: 4, follower: Self.n3, isInherited: false))
        scene.commit(1)
        #expect(scene.confirmations == [], "the follower may take over")
        scene.look()
        #expect(scene.said() == ["propose none after 4"])
        scene.books(5, nil)
        #expect(scene.confirmations == [1])

        let anew = Scene(SessionFollowing(number: 9, follower: Self.n3, isInherited: true))
        anew.commit(1)
        anew.books(9, Self.n3, isInherited: true)
        #expect(anew.said() == [])
        anew.look()
        #expect(anew.said() == ["propose none after 9"])
        anew.books(10, nil)
        #expect(anew.confirmations == [1])
    }

    @Test("a follower that is silent is given up, and another one is taken for a while")
    func silence() {
        let scene = Scene()
        scene.follow()
        scene.commit(1)
        scene.time = scene.time.adding(milliseconds: SessionLead.patienceMilliseconds)
        scene.look()
        #expect(scene.said() == ["changes 2 n2", "lost n2: slow", "propose none after 1"])
        scene.books(2, nil)
        #expect(scene.confirmations == [1])
        scene.look()
        #expect(scene.said() == ["begin n3", "read first"])
    }

    @Test("a follower that the books drop, as it was removed, is replaced")
    func removal() {
        let scene = Scene()
        scene.follow()
        scene.commit(1)
        scene.books(2, nil)
        #expect(scene.confirmations == [1])
        #expect(scene.lead.phase == .alone)
        scene.look([Self.n1, Self.n3])
        #expect(scene.said().suffix(2) == ["begin n3", "read first"])
    }

    @Test("followers go round: the next by name, the first behind the last")
    func candidates() {
        let scene = Scene()
        scene.look([Self.n1])
        #expect(scene.said() == [])
        scene.look([Self.n1, Self.n3])
        #expect(scene.said().first == "begin n3")
        var last = SessionLead(Self.n3, nil)
        let effects = last.look(present: [Self.n1, Self.n2], newCopy: 1, at: scene.time)
        guard case .send(.begin(_, _), let node)? = effects.first else {
            Issue.record("no copy was begun")
            return
        }
        #expect(node == Self.n1)
    }
}
