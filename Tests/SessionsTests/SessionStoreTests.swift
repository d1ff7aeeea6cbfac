import Glibc
import MQTT
import Processes
import Storage
import TestFiles
import Testing
import Time

@testable import Sessions

@Suite(.computes) struct SessionStoreTests {
    private let directory = TemporaryDirectory()
    private let name = Sample.name(1)

    private func open() throws -> OpenStore { try OpenStore(directory.path) }

    private func payloads(_ session: StoredSession?) -> [String] {
        (session?.queue ?? []).map { _, record in
            switch record {
            case .message(let content): String(decoding: content.message.payload, as: UTF8.self)
            case .released: "released"
            }
        }
    }

    private func append(
        _ number: SessionNumber,
        _ sequences: Range<Int>,
        qos: QoS = .atLeastOnce
    ) -> [SessionChange] {
        sequences.map { .append(number, sequence: UInt64($0), Sample.queued("\($0)", qos: qos)) }
    }

    @Test("[MQTT-3.1.2-23] a session is as it was after the process has ended")
    func reopened() throws {
        var store: OpenStore? = try open()
        let number = try #require(try store?.begin(name))
        try store?.write(append(number, 0..<300, qos: .exactlyOnce))
        try store?.write(
            .release(number, sequence: 1), .delete(number, sequence: 0),
            .receive(number, packetID: 65_535), .receive(number, packetID: 3),
            .receive(number, packetID: 9), .complete(number, packetID: 9),
            .sent(number, below: 3))
        var record = Sample.record(number)
        record.subscriptions = [
            StoredSubscription(
                filter: Array("$share/g/a/+".utf8), options: SubscriptionOptions(qos: .exactlyOnce),
                identifier: 7)
        ]
        record.end(at: Sample.time)
        try store?.write(.put(name, record))
        store?.shared.shutdown()
        store = nil

        store = try open()
        let session = try #require(try store?.session(name))
        #expect(session.record == record && session.queueCount == 299)
        #expect(payloads(session) == ["released"] + (2..<300).map { "\($0)" })
        #expect(session.received.all == [3, 65_535])
        #expect(try store?.session(Sample.name(2)) == nil)
        let findings = try store?.store.verify()
        #expect(findings == [])

        let queue = Subject(restoring: session, limit: 100)
        #expect(queue.queue.released == [2] && queue.queue.nextSequence == 300)
        #expect(queue.queue.inFlightCount == 1)
        let first = try #require(queue.next())
        #expect(first.sequence == 2 && first.packetID == 3 && first.isDuplicate && first.isCharged)
        queue.queue.didSend(first)
        let second = try #require(queue.next())
        #expect(second.sequence == 3 && !second.isDuplicate && !second.isCharged)
        #expect(queue.queue.uncoveredUnits == 297)
        let next = store?.store.newNumber()
        #expect(next == SessionNumber(number.rawValue + 1), "no number is used again")
    }

    @Test("after a crash while connected, any message may be a duplicate")
    func crashedConnected() throws {
        let store = try open()
        let number = try store.begin(name)
        try store.write(append(number, 0..<2) + [.sent(number, below: 1)])
        let session = try #require(try store.session(name))
        let queue = Subject(restoring: session, limit: 1)
        let first = try #require(queue.next())
        #expect(first.isDuplicate && first.isCharged)
        queue.queue.didSend(first)
        _ = queue.acknowledge(first.packetID)
        let second = try #require(queue.next())
        #expect(second.isDuplicate && !second.isCharged)
    }

    @Test("an empty queue goes on where it was, not at sequences that are marked as sent")
    func emptyQueue() throws {
        let store = try open()
        let number = try store.begin(name)
        try store.write(.sent(number, below: 70_000))
        let session = try #require(try store.session(name))
        let queue = DeliveryQueue(restoring: session, limit: 1)
        #expect(queue.isEmpty && queue.nextSequence == 70_000)
    }

    @Test("sessions are found when they are due, in order and in pages, and not afterwards")
    func due() throws {
        let store = try open()
        var numbers: [SessionNumber] = []
        for index in 0..<10 {
            let number = try store.begin(Sample.name(index))
            numbers.append(number)
            var record = Sample.record(number, expiryIntervalSeconds: UInt32(100 - 10 * index))
            record.end(at: Sample.time)
            try store.write(.put(Sample.name(index), record))
        }
        let at = Sample.time.adding(seconds: 50)
        #expect(try store.due(at: at.adding(milliseconds: -41_000)).isEmpty)
        let all = try store.due(at: at)
        #expect(all.map(\.name) == [9, 8, 7, 6, 5].map { Sample.name($0) })
        let page = try store.due(at: at, limit: 2)
        let rest = try store.due(at: at, after: page.last, limit: 100)
        #expect(page + rest == all)

        // One is connected again, one is gone.
        try store.write(
            .put(Sample.name(9), Sample.record(numbers[9], connectedAt: at)),
            .remove(Sample.name(8), numbers[8]))
        #expect(try store.due(at: at).map(\.name) == [7, 6, 5].map { Sample.name($0) })
        #expect(try store.store.verify() == [])
    }

    @Test("a session that begins anew has nothing of the one before")
    func cleanStart() throws {
        let store = try open()
        let old = try store.begin(name)
        try store.write(
            append(old, 0..<200) + [.receive(old, packetID: 1), .sent(old, below: 9)])
        let new = try store.begin(name)
        #expect(new > old)
        let session = try #require(try store.session(name))
        #expect(session.record.number == new && session.queueCount == 0)
        #expect(session.received.isEmpty && session.sentBelow == 0)
        try store.write(.remove(name, old))
        #expect(try store.session(name) != nil, "another session has the name now")
        try settle(store)
        #expect(try store.store.verify() == [])
    }

    /// Waits until nothing is left of ended sessions.
    private func settle(_ store: OpenStore) throws {
        for _ in 0..<60_000 {
            if try store.store.figures().removals == 0 { return }
            usleep(1_000)
        }
        Issue.record("sessions that ended are not deleted")
    }

    @Test("a session with any queue is deleted in bounded steps, also over the end of the process")
    func removal() throws {
        var store: OpenStore? = try open()
        let number = try #require(try store?.begin(name))
        let other = try #require(try store?.begin(Sample.name(2)))
        try store?.write(append(number, 0..<5_000) + append(other, 0..<100))
        try store?.write((1...2_000).map { .receive(number, packetID: UInt16($0)) })
        // What is left when a process ends between two steps.
        let tables = try SessionTables(in: try #require(store).shared.environment)
        try store?.shared.environment.write { transaction throws(StoreError) in
            try tables.write(.remove(name, number), in: transaction)
        }
        let figures = try store?.store.figures()
        #expect(figures?.removals == 1 && figures?.queuedMessages == 5_036)
        #expect(try store?.session(name) == nil && store?.store.verify() == [])
        store?.shared.shutdown()
        store = nil

        let again = try open()
        again.store.sweepRemovals()
        try settle(again)
        let left = try again.store.figures()
        #expect(left.sessions == 1 && left.queuedMessages == 100 && left.receivedIdentifiers == 0)
        #expect(try again.store.verify() == [])
        try again.write(.remove(Sample.name(2), other))
        try settle(again)
        #expect(try again.store.figures().queuedMessages == 0)
    }

    @Test("the sessions of applications are found without reading those of devices")
    func applications() throws {
        let store = try open()
        for index in 0..<50 { _ = try store.begin(Sample.name(index)) }
        let anonymous = try #require(SessionName.anonymousForTests("z"))
        let names = [Sample.application("a"), Sample.application("b"), anonymous]
        for name in names { _ = try store.begin(name) }
        var found: [SessionName] = []
        try store.store.forEachApplication { name, _ in
            found.append(name)
            return .proceed
        }
        #expect(found == names)
    }

    @Test("changes are written together or not at all")
    func together() throws {
        let store = try open()
        let number = try store.begin(name)
        let tooLarge = Message(
            topic: Array("a".utf8), payload: [UInt8](repeating: 0, count: 1 << 30 + 1),
            qos: .atLeastOnce)
        #expect(throws: StoreError.self) {
            try store.write(
                .append(number, sequence: 0, Sample.queued()),
                .append(number, sequence: 1, QueuedMessage(tooLarge, qos: .atLeastOnce)))
        }
        #expect(try store.session(name)?.queueCount == 0)
        try store.write(.append(number, sequence: 0, Sample.queued()))
        #expect(try store.session(name)?.queueCount == 1)
    }
}

extension SessionName {
    fileprivate static func anonymousForTests(_ clientID: String) -> SessionName? {
        SessionName(anonymous: clientID.utf8Span.span)
    }
}
