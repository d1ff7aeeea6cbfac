import Bytes
import MQTT
import Storage
import Testing
import Time

@testable import Sessions

@Suite struct RecordTests {
    private func bytes(_ record: some StorageRecord) -> [UInt8] {
        var buffer = ByteBuffer()
        record.encode(into: &buffer)
        return buffer.span.bytesArray
    }

    private func decoded<Record: StorageRecord>(_ bytes: [UInt8]) throws(MalformedRecord) -> Record
    {
        var reader = ByteReader(bytes.span)
        return try Record(decoding: &reader)
    }

    private func anyBytes(_ dice: inout Dice, below count: Int) -> [UInt8] {
        (0..<dice.below(count)).map { _ in UInt8(dice.below(256)) }
    }

    private func message(_ dice: inout Dice) -> Message {
        var properties = ByteBuffer()
        if dice.isLucky(0.5) {
            PropertyWriter.write(into: &properties, in: .publish) {
                $0.contentType("text/plain".utf8Span.span)
            }
            properties.removeFirst(1)
        }
        return Message(
            topic: anyBytes(&dice, below: 40),
            payload: anyBytes(&dice, below: 300),
            qos: QoS.allCases[dice.below(3)],
            properties: properties.span.bytesArray,
            expiresAt: dice.isLucky(0.5) ? Timestamp(milliseconds: Int64(dice.below(1 << 50))) : nil
        )
    }

    private func record(_ dice: inout Dice) -> SessionRecord {
        var record = SessionRecord(
            number: SessionNumber(dice.next()),
            version: dice.isLucky(0.5) ? .v5 : .v3_1_1,
            expiryIntervalSeconds: dice.isLucky(0.2) ? .max : UInt32(dice.below(1 << 32)),
            will: dice.isLucky(0.5)
                ? StoredWill(
                    message(&dice), isRetained: dice.isLucky(0.5),
                    messageExpirySeconds: dice.isLucky(0.5) ? UInt32(dice.below(1 << 32)) : nil,
                    delaySeconds: UInt32(dice.below(1 << 32))) : nil,
            subscriptions: (0..<dice.below(5)).map { _ in
                StoredSubscription(
                    filter: anyBytes(&dice, below: 50),
                    options: SubscriptionOptions(
                        qos: QoS.allCases[dice.below(3)], noLocal: dice.isLucky(0.5),
                        retainAsPublished: dice.isLucky(0.5),
                        retainHandling: RetainHandling.allCases[dice.below(3)]),
                    identifier: dice.isLucky(0.5) ? UInt32(1 + dice.below(268_435_455)) : nil)
            },
            connectedAt: Sample.time
        )
        if dice.isLucky(0.5) { record.end(at: Sample.time.adding(seconds: 5)) }
        return record
    }

    private func queued(_ dice: inout Dice) -> QueueRecord {
        if dice.isLucky(0.2) { return .released }
        return .message(
            QueuedMessage(
                message(&dice), qos: dice.isLucky(0.5) ? .atLeastOnce : .exactlyOnce,
                isRetained: dice.isLucky(0.5),
                subscriptionIdentifiers: (0..<dice.below(3)).map { _ in UInt32(dice.below(1 << 28))
                },
                sharedFilter: dice.isLucky(0.3) ? anyBytes(&dice, below: 30) : nil,
                units: UInt32(dice.below(1 << 20))))
    }

    @Test("what is written of sessions and messages is read back", arguments: 0..<20)
    func roundTrip(_ seed: Int) throws {
        var dice = Dice(seed: UInt64(seed))
        for _ in 0..<20 {
            let session = record(&dice)
            let sessionAgain: SessionRecord = try decoded(bytes(session))
            #expect(sessionAgain == session)
            let message = queued(&dice)
            let messageAgain: QueueRecord = try decoded(bytes(message))
            #expect(messageAgain == message)
        }
    }

    @Test("damaged records are errors, or other records, and nothing worse", arguments: 0..<20)
    func damage(_ seed: Int) throws {
        var dice = Dice(seed: UInt64(seed))
        for _ in 0..<20 {
            for whole in [bytes(record(&dice)), bytes(queued(&dice))] {
                var cut = whole
                cut.removeLast(1 + dice.below(whole.count))
                #expect(throws: MalformedRecord.self) { let _: SessionRecord = try decoded(cut) }
                #expect(throws: MalformedRecord.self) { let _: QueueRecord = try decoded(cut) }
                var flipped = whole
                flipped[dice.below(whole.count)] ^= UInt8(1 << dice.below(8))
                let _: SessionRecord? = try? decoded(flipped)
                let _: QueueRecord? = try? decoded(flipped)
                #expect(throws: MalformedRecord.self) {
                    let _: QueueRecord = try decoded(whole + [0])
                }
            }
        }
    }

    @Test("3.1.2.11.2: a session expires its interval after its connection's end, or never")
    func expiry() {
        var record = Sample.record(SessionNumber(1), expiryIntervalSeconds: 60)
        #expect(record.expiresAt == nil && record.dueAt == Sample.time.adding(seconds: 3_600))
        record.end(at: Sample.time.adding(seconds: 10))
        #expect(record.expiresAt == Sample.time.adding(seconds: 70))
        #expect(record.dueAt == record.expiresAt)
        record.connect(at: Sample.time.adding(seconds: 20))
        #expect(record.endedAt == nil && record.expiresAt == nil)
        record.expiryIntervalSeconds = .max
        record.connect(at: Sample.time)
        #expect(record.dueAt == nil)
        record.end(at: Sample.time)
        #expect(record.dueAt == nil && record.expiresAt == nil)
    }

    @Test("3.1.3.2.2: a will is due when its delay ends or the session does, whichever is first")
    func will() {
        var record = Sample.record(SessionNumber(1), expiryIntervalSeconds: 60)
        record.will = StoredWill(Sample.message(), delaySeconds: 30)
        #expect(record.willDueAt == nil)
        record.end(at: Sample.time)
        #expect(record.willDueAt == Sample.time.adding(seconds: 30))
        #expect(record.dueAt == record.willDueAt)
        record.clearWill()
        #expect(record.dueAt == Sample.time.adding(seconds: 60))
        record.will = StoredWill(Sample.message(), delaySeconds: 90)
        record.end(at: Sample.time)
        #expect(record.willDueAt == Sample.time.adding(seconds: 60))
    }

    @Test("A retained message between nodes has the bytes that it has always had, and is read back")
    func retainedEntry() throws {
        let topic = Array("a/b".utf8)
        let message = Message(topic: topic, payload: [1], qos: .atMostOnce)
        let entry = RetainedEntry(sender: 7, number: 300, message)
        let head: [UInt8] = [1, 0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 1, 0x2C]
        #expect(entry.bytes == head + [1, 0, 0, 0, 0, 1])
        #expect(try RetainedEntry(topic: topic, bytes: entry.bytes) == entry)
        var dice = Dice(seed: 11)
        for _ in 0..<200 {
            let message = self.message(&dice)
            let entry = RetainedEntry(sender: .max, number: 0, message)
            #expect(try RetainedEntry(topic: message.topic, bytes: entry.bytes) == entry)
            #expect(entry.byteCount >= entry.bytes.count)
        }
        for count in 0..<head.count {
            #expect(throws: MalformedRecord.self) {
                try RetainedEntry(topic: topic, bytes: Array(entry.bytes.prefix(count)))
            }
        }
        #expect(throws: MalformedRecord.self) {
            try RetainedEntry(topic: topic, bytes: [2] + entry.bytes.dropFirst())
        }
    }
}
