import MQTT
import Replication
import Sessions
import Synchronization
import Testing
import Time

@testable import Gateway

@Suite struct RetainedPutsTests {
    private var puts = RetainedPuts()

    private func message(_ topic: String, _ payload: String) -> Message {
        Message(topic: Array(topic.utf8), payload: Array(payload.utf8), qos: .atLeastOnce)
    }

    /// What each put was answered, by its payload.
    private final class Told: Sendable {
        private let outcomes = Mutex<[String: WriteOutcome]>([:])

        func tell(_ answers: [RetainedPuts.Answer]) {
            for answer in answers { answer.completion(answer.outcome) }
        }

        func note(_ payload: String, _ outcome: WriteOutcome) {
            outcomes.withLock { outcomes in
                precondition(outcomes[payload] == nil, "told twice")
                outcomes[payload] = outcome
            }
        }

        var all: [String: WriteOutcome] { outcomes.withLock { $0 } }
    }

    private let told = Told()

    private mutating func add(_ topic: String, _ payload: String, until deadline: Int64 = 1_000) {
        let isTaken = puts.add(
            message(topic, payload), at: Timestamp(seconds: 1), until: deadline
        ) { [told] outcome in told.note(payload, outcome) }
        #expect(isTaken)
    }

    private mutating func due(_ now: Int64 = 0, limit: Int = 10) -> [RetainedPuts.Sending] {
        puts.due(at: now, limit: limit)
    }

    private func texts(_ sendings: [RetainedPuts.Sending]) -> [String] {
        sendings.map { String(decoding: $0.message.payload, as: UTF8.self) }
    }

    @Test("A put is answered when it is acknowledged and this node has followed so far")
    mutating func answered() {
        add("a", "1")
        let sendings = due()
        #expect(texts(sendings) == ["1"] && due().isEmpty)
        told.tell(puts.answered(sendings[0], .success(7), at: 1))
        #expect(told.all.isEmpty)
        told.tell(puts.followed(to: 6, own: []))
        #expect(told.all.isEmpty)
        told.tell(puts.followed(to: 7, own: []))
        #expect(told.all == ["1": .stored] && puts.isEmpty)
        add("a", "2")
        told.tell(puts.answered(due()[0], .success(5), at: 1))
        #expect(told.all["2"] == .stored)
    }

    @Test("Of one topic one is under way; the newest that waits behind it answers for all of them")
    mutating func order() {
        for payload in ["1", "2", "3"] { add("a", payload) }
        add("b", "4")
        let first = due()
        #expect(texts(first) == ["1", "4"])
        told.tell(puts.answered(first[0], .success(1), at: 1))
        told.tell(puts.followed(to: 1, own: []))
        let second = due()
        #expect(texts(second) == ["3"] && told.all == ["1": .stored])
        told.tell(puts.answered(second[0], .success(2), at: 1))
        told.tell(puts.followed(to: 2, own: []))
        #expect(told.all == ["1": .stored, "2": .stored, "3": .stored])
    }

    @Test(
        "One whose acknowledgement was lost is put again, unless it was seen; never behind a later")
    mutating func again() {
        add("a", "1")
        add("a", "2")
        let first = due()
        told.tell(puts.answered(first[0], .failure(.unknown("lost")), at: 10))
        #expect(due(100).isEmpty)
        let again = due(10 + RetainedPuts.retryMilliseconds)
        #expect(texts(again) == ["1"])
        told.tell(puts.followed(to: 1, own: [(Array("a".utf8), first[0].number)]))
        #expect(told.all == ["1": .stored])
        // The acknowledgement of the second try comes late.
        #expect(puts.answered(again[0], .success(2), at: 300).isEmpty)
        #expect(texts(due(300)) == ["2"])
        #expect(puts.sentCount == 1)
    }

    @Test("What takes too long is not stored, as far as is known; what came later goes on")
    mutating func expired() {
        add("a", "1", until: 1_000)
        add("a", "2", until: 1_000)
        add("a", "3", until: 2_000)
        _ = due()
        told.tell(puts.expired(at: 1_000))
        #expect(told.all == ["1": .notStored, "2": .notStored])
        #expect(texts(due(1_000)) == ["3"])
        told.tell(puts.giveUp())
        #expect(told.all["3"] == .notStored && puts.isEmpty && puts.sentCount == 0)
    }

    @Test("No room in the store is told at once, and the next of the topic has its turn")
    mutating func full() {
        add("a", "1")
        add("a", "")
        told.tell(puts.refused(due()[0]))
        #expect(told.all == ["1": .full] && texts(due()) == [""])
    }

    @Test("Who waits for all that was put before waits for nothing that comes after")
    mutating func barriers() {
        let counter = Counter()
        puts.await { counter.add() }
        for completion in puts.takePassed() { completion() }
        #expect(counter.value == 1)
        add("a", "1")
        add("b", "2")
        puts.await { counter.add() }
        add("c", "3")
        let sendings = due()
        told.tell(puts.answered(sendings[1], .success(1), at: 0))
        told.tell(puts.followed(to: 1, own: []))
        #expect(puts.takePassed().isEmpty && puts.hasBarriers)
        told.tell(puts.answered(sendings[0], .success(2), at: 0))
        told.tell(puts.followed(to: 2, own: []))
        for completion in puts.takePassed() { completion() }
        #expect(counter.value == 2 && !puts.hasBarriers)
    }

    private final class Counter: Sendable {
        private let count = Mutex(0)

        func add() { count.withLock { $0 += 1 } }
        var value: Int { count.withLock { $0 } }
    }

    @Test("At most so many are under way, and so many wait")
    mutating func limits() {
        for number in 0..<RetainedPuts.maximumCount { add("t/\(number)", "\(number)") }
        #expect(!puts.add(message("x", "x"), at: Timestamp(seconds: 1), until: 1) { _ in })
        #expect(due(limit: 256).count == 256 && due(limit: 256).isEmpty)
        told.tell(puts.giveUp())
        add("x", "x")
        let large = Message(
            topic: [1], payload: [UInt8](repeating: 0, count: RetainedPuts.maximumBytes),
            qos: .atMostOnce)
        #expect(!puts.add(large, at: Timestamp(seconds: 1), until: 1) { _ in })
    }
}
