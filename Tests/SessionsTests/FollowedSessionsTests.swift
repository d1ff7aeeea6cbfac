import Bytes
import MQTT
import Storage
import Synchronization
import TestFiles
import Testing
import Time

@testable import Sessions

/// The copy of a store's sessions that another node keeps.
@Suite struct FollowedSessionsTests {
    private let directories = [TemporaryDirectory(), TemporaryDirectory()]

    private func open() throws -> FollowedSessions {
        try FollowedSessions(
            directory: directories[1].path, mapSizeBytes: 1 << 26, maximumMapSizeBytes: 1 << 28)
    }

    /// Submits, and waits until it is on disk.
    private func wait(
        _ submit: (@escaping @Sendable (Result<Void, StoreError>) -> Void) -> Void
    ) throws {
        let answer = Answer()
        submit { answer.set($0) }
        try answer.wait()
    }

    private func write(_ changes: [SessionChange], to copy: FollowedSessions) throws {
        try wait { copy.submit(changes, completion: $0) }
    }

    private func names(_ copy: FollowedSessions) throws -> [SessionName] {
        var names: [SessionName] = []
        try copy.forEachClaim { name, _ in names.append(name) }
        return names
    }

    /// Session by session, with queues, marks and received identifiers.
    private func expectSame(
        _ copy: FollowedSessions, _ leader: OpenStore, _ place: String
    ) throws {
        var expected: [SessionName] = []
        try leader.store.forEachClaim { name, _ in expected.append(name) }
        #expect(try names(copy) == expected, "\(place)")
        #expect(try copy.count == expected.count)
        for name in expected {
            let (found, wanted) = (try copy.session(name), try leader.session(name))
            #expect(found == wanted, "\(place): \(name)")
        }
        #expect(try copy.verify() == [], "\(place)")
    }

    @Test(
        "pages of all sessions, and the changes made meanwhile, make an exact copy",
        arguments: [1, 2, 3, UInt64.random(in: 4...UInt64.max)])
    func exact(seed: UInt64) throws {
        let leader = try OpenStore(directories[0].path)
        let copy = try open()
        var script = SessionScript(seed: seed)
        // What the copy has of an earlier life of the other node is thrown away.
        try write(
            [.put(Sample.name(-1), Sample.record(SessionNumber(1 << 40)))], to: copy)
        for _ in 0..<60 { try leader.write(script.next(leader.store)) }

        let link = Link()
        try wait { copy.begin(completion: $0) }
        var last: SessionPage.Place?
        var pages = 0
        while true {
            for _ in 0..<script.count(below: 6) { link.send(script.next(leader.store), of: leader) }
            let page = PageAnswer()
            leader.store.submitPage(after: last, bytes: script.count(below: 400)) { result in
                link.take(result)
                page.set(result)
            }
            // Submitted before the page is there, and behind it.
            for _ in 0..<script.count(below: 6) { link.send(script.next(leader.store), of: leader) }
            let read = try page.wait()
            pages += 1
            last = read.next
            try link.deliver { try write($0, to: copy) }
            #expect(try copy.verify() == [], "seed \(seed), page \(pages)")
            if read.isLast { break }
        }
        try leader.write([])
        try link.deliver { try write($0, to: copy) }
        try expectSame(copy, leader, "seed \(seed)")
        for _ in 0..<100 { link.send(script.next(leader.store), of: leader) }
        try leader.write([])
        try link.deliver { try write($0, to: copy) }
        try expectSame(copy, leader, "seed \(seed), later")
        #expect(pages > 5 && script.replacements > 5, "seed \(seed): \(pages) pages")
    }

    @Test("a page has at least one session, however large, and the last one says so")
    func pages() throws {
        let leader = try OpenStore(directories[0].path)
        func page(_ name: SessionName?, _ bytes: Int) throws -> SessionPage {
            let answer = PageAnswer()
            leader.store.submitPage(after: name.map { .session($0) }, bytes: bytes) {
                answer.set($0)
            }
            return try answer.wait()
        }
        let empty = try page(nil, 1_000)
        #expect(empty.sessions.isEmpty && empty.isLast)
        for number in 1...3 {
            let session = try leader.begin(Sample.name(number))
            for sequence in 0..<UInt64(4) {
                try leader.write(
                    .append(
                        session, sequence: sequence,
                        Sample.queued(String(repeating: "x", count: 500))))
            }
        }
        for bytes in [0, 1, 1_000] {
            let first = try page(nil, bytes)
            #expect(first.sessions.map(\.name) == [Sample.name(1)] && !first.isLast)
            #expect(first.sessions[0].session.queueCount == 4)
            let last = try page(Sample.name(2), bytes)
            #expect(last.sessions.map(\.name) == [Sample.name(3)] && last.next == .sessions)
        }
        #expect(try page(nil, 3_000).sessions.count == 2)
        let all = try page(nil, 1 << 20)
        #expect(all.sessions.count == 3 && all.isLast)
        #expect(try page(Sample.name(3), 1).sessions.isEmpty)
        leader.shared.shutdown()
        #expect(throws: StoreError.shutDown) { _ = try page(nil, 1) }
    }

    @Test(
        "all sessions are removed at once, with all they have, and their numbers are not given again"
    )
    func removal() throws {
        let leader = try OpenStore(directories[0].path)
        var script = SessionScript(seed: 9)
        for _ in 0..<300 { try leader.write(script.next(leader.store)) }
        let forward = ForwardNumber(life: 1, shard: 2, count: 3)
        try leader.write(.node(.take("n2", shard: 1, forward)))
        let before = try leader.store.figures()
        #expect(before.sessions > 5 && before.queuedMessages > 5 && before.receivedIdentifiers > 0)
        let last = leader.store.newNumber()
        try leader.write(.put(Sample.name(99), Sample.record(last)))
        try wait { leader.store.removeAll(completion: $0) }
        let figures = try leader.store.figures()
        #expect(figures.sessions == 0 && figures.queuedMessages == 0)
        #expect(figures.receivedIdentifiers == 0 && figures.removals == 0)
        #expect(try leader.due(at: .init(milliseconds: .max)).isEmpty)
        let tables = leader.store.tables
        let (marks, taken, number) = try leader.shared.environment.read {
            transaction throws(StoreError) in
            (
                try tables.marks.count(in: transaction),
                try tables.nodes.taken.count(in: transaction),
                try tables.lastNumber(in: transaction)
            )
        }
        #expect(marks == 0 && taken == 1 && number == last)
        #expect(try leader.store.verify() == [])
        #expect(leader.store.newNumber() > last)
    }

    @Test(
        "what the node has taken of others is in its copy: from before the last page, and from behind it"
    )
    func takenOfOthers() throws {
        let leader = try OpenStore(directories[0].path)
        let copy = try open()
        func number(_ count: UInt32) -> ForwardNumber {
            ForwardNumber(life: 1, shard: 2, count: count)
        }
        for count in 1...3 as ClosedRange<UInt32> {
            try leader.write(.node(.take("n2", shard: UInt8(count), number(count))))
        }
        let link = Link()
        leader.store.submitPage(after: nil, bytes: 1_000) { link.take($0) }
        link.send([.node(.settle("n2", shard: 1, number(1)))], of: leader)
        link.send([.node(.take("n3", shard: 0, number(1)))], of: leader)
        try leader.write([])
        try link.deliver { try write($0, to: copy) }
        #expect(try copy.taken() == ["n2": [number(2), number(3)], "n3": [number(1)]])
        try wait { copy.begin(completion: $0) }
        #expect(try copy.taken().isEmpty)
    }

    @Test(
        "what the node keeps for others is in the copy, in pages behind the sessions, until it has arrived"
    )
    func keptForOthers() throws {
        let leader = try OpenStore(directories[0].path)
        let copy = try open()
        func number(_ count: UInt32) -> ForwardNumber {
            ForwardNumber(life: 1, shard: 2, count: count)
        }
        func forward(_ text: String) -> Forward {
            Forward(
                Sample.queued(text).message, isRetained: true, isForSubscribers: true, shares: [],
                shard: 1, shardCount: 2)
        }
        func kept() throws -> [String] {
            var found: [String] = []
            try copy.forEachForward { node, number, content in
                found.append("\(node) \(number) \(content.message.payload.count)")
            }
            return found
        }
        _ = try leader.begin(Sample.name(1))
        for count in 1...4 as ClosedRange<UInt32> {
            let node = count < 3 ? "n2" : "n3"
            let content = forward(String(repeating: "x", count: 100 * Int(count)))
            try leader.write(.node(.keep(node, number(count), content)))
        }
        try leader.write(.node(.take("n2", shard: 1, number(9))))
        let link = Link()
        var place: SessionPage.Place?
        var pages = 0
        repeat {
            let answer = PageAnswer()
            leader.store.submitPage(after: place, bytes: 1) { result in
                link.take(result)
                answer.set(result)
            }
            if pages == 3 {
                // Read already, and not yet.
                link.send([.node(.arrived("n2", number(1)))], of: leader)
                link.send([.node(.arrived("n3", number(4)))], of: leader)
                link.send([.node(.keep("n4", number(5), forward("late")))], of: leader)
            }
            place = try answer.wait().next
            pages += 1
        } while place != nil
        try leader.write([])
        try link.deliver { try write($0, to: copy) }
        #expect(
            try kept() == [
                "n2 \(number(2)) 200", "n3 \(number(3)) 300", "n4 \(number(5)) 4",
            ])
        #expect(try copy.taken() == ["n2": [number(9)]] && copy.count == 1)
        #expect(pages >= 5)
        try wait { copy.removeForward(number(3), to: "n3", completion: $0) }
        #expect(try kept().count == 2)
        #expect(try copy.verify() == [])
        // Who has taken over has them now: the node has none, and says of which life on.
        #expect(try leader.store.firstForwardingLife() == 0)
        let life = try leader.store.beginForwarding()
        try wait { leader.store.removeAll(completion: $0) }
        #expect(try leader.store.figures().forwards == 0)
        #expect(try leader.store.firstForwardingLife() == life)
        try wait { copy.begin(completion: $0) }
        #expect(try kept() == [])
    }

    @Test("a copy that is opened again has its mark and its sessions; a new copy has neither")
    func again() throws {
        let name = Sample.name(1)
        let number = SessionNumber(7)
        let changes: [SessionChange] = [
            .put(name, Sample.record(number)), .append(number, sequence: 3, Sample.queued("m")),
            .sent(number, below: 4), .receive(number, packetID: 9),
            .put(Sample.name(2), Sample.record(SessionNumber(8))),
        ]
        let session = try {
            let copy = try open()
            #expect(try copy.marked() == nil)
            try write(changes, to: copy)
            try wait { copy.mark(number: 41, completion: $0) }
            try wait { copy.mark(number: 42, completion: $0) }
            copy.close()
            #expect(throws: StoreError.shutDown) { try write(changes, to: copy) }
            return try #require(try copy.session(name))
        }()
        let copy = try open()
        #expect(try copy.marked() == 42)
        #expect(try copy.session(name) == session)
        #expect(session.queueCount == 1 && session.sentBelow == 4 && session.received.all == [9])
        #expect(try copy.page(after: nil, limit: 1).map(\.name) == [name])
        #expect(try copy.page(after: nil, limit: 9).map(\.session).first == session)
        #expect(try copy.page(after: name, limit: 1).map(\.name) == [Sample.name(2)])
        try wait { copy.begin(completion: $0) }
        #expect(try copy.marked() == nil && copy.count == 0)
        #expect(try copy.verify() == [])
        // Nothing of it is known any more.
        try write([.append(number, sequence: 4, Sample.queued("late"))], to: copy)
        #expect(try copy.verify() == [])
    }

    @Test("a session that was taken over leaves the copy with all it has, however much")
    func taken() throws {
        let copy = try open()
        let (one, two) = (SessionNumber(7), SessionNumber(8))
        try write(
            [.put(Sample.name(1), Sample.record(one)), .put(Sample.name(2), Sample.record(two))],
            to: copy)
        try write(
            (0..<1_500).map { .append(one, sequence: $0, Sample.queued("m")) }, to: copy)
        try wait { copy.mark(number: 5, completion: $0) }
        try wait { copy.remove(Sample.name(1), completion: $0) }
        try wait { copy.remove(Sample.name(3), completion: $0) }
        #expect(try names(copy) == [Sample.name(2)])
        #expect(try copy.session(Sample.name(1)) == nil && copy.marked() == 5)
        #expect(try copy.verify() == [])
        // What is left of the queue goes in steps; when all that was submitted is written, some may be to come.
        copy.close()
        #expect(try copy.verify() == [])
    }

    @Test("a copy of a newer program is refused")
    func newer() throws {
        do {
            let environment = try Environment(
                path: directories[1].path, mapSizeBytes: 1 << 26, durability: .unsynced)
            let steps = Array(
                repeating: StoreFormat.Migration("later") { _ in },
                count: FollowedSessions.format.current)
            try StoreFormat(migrations: steps).migrate(environment)
        }
        let known = FollowedSessions.format.current
        #expect(throws: StoreError.newerFormat(known + 1, known: known)) { _ = try open() }
    }
}

/// What goes from a store to its copy, as bytes, in the order of the completions.
private final class Link: Sendable {
    private let parcels = Mutex<[[UInt8]]>([])

    func send(_ changes: [SessionChange], of leader: OpenStore) {
        leader.store.submit(changes) { [self] result in
            guard case .success = result else { return }
            var buffer = ByteBuffer()
            FollowedChanges(changes).encode(into: &buffer)
            let bytes = buffer.span.bytesArray
            parcels.withLock { $0.append(bytes) }
        }
    }

    func take(_ result: Result<SessionPage, StoreError>) {
        guard case .success(let page) = result else { return }
        var buffer = ByteBuffer()
        FollowedChanges(page.changes).encode(into: &buffer)
        let bytes = buffer.span.bytesArray
        parcels.withLock { $0.append(bytes) }
    }

    /// All that has come so far.
    func deliver(_ write: ([SessionChange]) throws -> Void) throws {
        let all = parcels.withLock { parcels in
            defer { parcels = [] }
            return parcels
        }
        for bytes in all {
            var reader = ByteReader(bytes.span)
            try write(try FollowedChanges(taking: &reader).changes)
        }
    }
}

/// A page, waited for.
private final class PageAnswer: Sendable {
    private let answer = Answer()
    private let page = Mutex<SessionPage?>(nil)

    func set(_ result: Result<SessionPage, StoreError>) {
        page.withLock { $0 = try? result.get() }
        answer.set(result.map { _ in })
    }

    func wait() throws(StoreError) -> SessionPage {
        try answer.wait()
        guard let page = page.withLock({ $0 }) else { preconditionFailure("it was answered") }
        return page
    }
}

/// Sessions that come, go and are replaced, and what happens to them, from a seed.
private struct SessionScript {
    private struct Live {
        let number: SessionNumber
        var sequences: [UInt64] = []
        var next: UInt64 = 1
        var received: [UInt16] = []
    }

    private var dice: Dice
    private var live: [Int: Live] = [:]

    /// Sessions that took the place of others, or ended.
    private(set) var replacements = 0

    init(seed: UInt64) { dice = Dice(seed: seed) }

    mutating func count(below bound: Int) -> Int { dice.below(bound) }

    /// What is written together.
    mutating func next(_ store: SessionStore) -> [SessionChange] {
        (0...dice.below(3)).map { _ in change(store) }
    }

    private mutating func change(_ store: SessionStore) -> SessionChange {
        let index = dice.below(40)
        let name = index < 30 ? Sample.name(index) : Sample.application("client-\(index)")
        guard var session = live[index], !dice.isLucky(0.1) else {
            if live[index] != nil { replacements += 1 }
            if let old = live[index], dice.isLucky(0.5) {
                live[index] = nil
                return .remove(name, old.number)
            }
            let number = store.newNumber()
            live[index] = Live(number: number)
            return .put(name, Sample.record(number, expiryIntervalSeconds: UInt32(dice.below(9))))
        }
        defer { live[index] = session }
        switch dice.below(10) {
        case 0:
            var record = Sample.record(session.number)
            if dice.isLucky(0.5) { record.end(at: Sample.time.adding(seconds: 5)) }
            return .put(name, record)
        case 1 where !session.sequences.isEmpty:
            let sequence = session.sequences.randomElement(using: &dice) ?? 0
            return .release(session.number, sequence: sequence)
        case 2, 3:
            guard !session.sequences.isEmpty else { break }
            let sequence = session.sequences.remove(at: dice.below(session.sequences.count))
            return .delete(session.number, sequence: sequence)
        case 4: return .sent(session.number, below: session.next)
        case 5:
            let packetID = UInt16(1 + dice.below(20))
            if !session.received.contains(packetID) { session.received.append(packetID) }
            return .receive(session.number, packetID: packetID)
        case 6 where !session.received.isEmpty:
            return .complete(session.number, packetID: session.received.removeLast())
        default: break
        }
        let sequence = session.next
        session.next += 1
        session.sequences.append(sequence)
        return .append(
            session.number, sequence: sequence,
            Sample.queued("m\(sequence)", qos: dice.isLucky(0.5) ? .exactlyOnce : .atLeastOnce))
    }
}
