import Bytes
import MQTT
import Storage
import Testing
import Time

@testable import Sessions

@Suite struct RetainedTests {
    private let long = String(repeating: "long/", count: 200)

    @Test("[MQTT-3.3.1-5] a retained message takes the place of its topic's earlier one")
    func replaced() throws {
        let store = try RetainedTestStore()
        for topic in ["a/b", long] {
            #expect(try store.put(topic, "one") == .stored)
            #expect(try store.put(topic, "three") == .replaced)
            #expect(try store.lookUp(topic).map(\.text) == ["three"])
        }
        let totals = try store.totals()
        #expect(totals.messages == 2 && totals.bytes == 3 + long.utf8.count + 10)
        #expect(try store.verify() == [])
    }

    @Test("[MQTT-3.3.1-6] [MQTT-3.3.1-7] one without a payload deletes it, and is not retained")
    func deleted() throws {
        let store = try RetainedTestStore()
        for topic in ["a/b", long, long + "x"] { try store.put(topic, "one", expiresAt: 9) }
        for topic in ["a/b", long] {
            #expect(try store.put(topic, "") == .deleted)
            #expect(try store.put(topic, "") == .absent)
            #expect(try store.lookUp(topic).isEmpty)
        }
        #expect(try store.topics("#") == [long + "x"])
        #expect(try store.put(long + "x", "") == .deleted)
        #expect(try store.totals() == RetainedTotals())
        #expect(try store.verify() == [])
    }

    @Test("The message is what was retained: payload, QoS, properties, expiry")
    func whole() throws {
        let store = try RetainedTestStore()
        let properties = [0x03, 0, 1, 0x61] as [UInt8]
        let message = Message(
            topic: Array("a".utf8),
            payload: [0, 1, 2],
            qos: .exactlyOnce,
            properties: properties,
            expiresAt: Timestamp(seconds: 5)
        )
        _ = try store.environment.write { transaction throws(StoreError) in
            try store.retained.put(
                message,
                limits: RetainedTestStore.unbounded,
                now: Timestamp(seconds: 0),
                in: transaction
            )
        }
        for filter in ["a", "#", "+"] {
            let found = try #require(try store.lookUp(filter).first)
            #expect(found.topic == message.topic && found.payload == message.payload)
            #expect(found.qos == .exactlyOnce && found.properties == properties)
            #expect(found.expiresAt == message.expiresAt)
        }
    }

    @Test(
        "No more than the limits: a message too many is refused, and its topic's earlier one stays")
    func full() throws {
        let store = try RetainedTestStore()
        let two = RetainedLimits(messages: 2, bytes: 100)
        #expect(try store.put("a", "1", limits: two) == .stored)
        #expect(try store.put("b", "1", limits: two) == .stored)
        #expect(try store.put("c", "1", limits: two) == .full)
        #expect(try store.put("a", "22", limits: two) == .replaced)
        let large = String(repeating: "x", count: 98)
        #expect(try store.put("a", large, limits: two) == .full)
        #expect(try store.lookUp("a").map(\.text) == ["22"])
        #expect(try store.put("b", "", limits: two) == .deleted)
        #expect(try store.put("a", large, limits: two) == .replaced)
        #expect(try store.verify() == [])
    }

    @Test("[MQTT-3.3.2-5] what is over is not found, makes room, and is swept in bounded steps")
    func expiry() throws {
        let store = try RetainedTestStore()
        let ten = RetainedLimits(messages: 10, bytes: 10_000)
        for number in 0..<10 {
            try store.put("a/\(number)", "x", expiresAt: Int64(10 + number), limits: ten)
        }
        #expect(try store.lookUp("a/3", now: 13).isEmpty)
        #expect(try store.lookUp("a/3", now: 12).count == 1)
        #expect(try store.lookUp("a/+", now: 13).count == 6)
        #expect(try store.put("b", "x", limits: ten, now: 9) == .full)
        #expect(try store.put("b", "x", limits: ten, now: 10) == .stored)
        #expect(try store.sweep(now: 13, limit: 2) == 2)
        #expect(try store.sweep(now: 13, limit: 2) == 1)
        #expect(try store.sweep(now: 13, limit: 2) == 0)
        #expect(try store.totals().messages == 7)
        // One that lasts for ever, or longer, takes the place of one that does not.
        try store.put("a/5", "y")
        try store.put("a/6", "y", expiresAt: 100)
        #expect(try store.sweep(now: 99) == 4)
        #expect(try store.lookUp("#", now: 99).map(\.text) == ["y", "y", "x"])
        #expect(try store.put("a/5", "z", expiresAt: 99, now: 99) == .deleted)
        #expect(try store.verify() == [])
    }

    @Test("Topics as long as MQTT allows, apart only in their last byte, are kept apart")
    func longTopics() throws {
        let store = try RetainedTestStore()
        let start = String(repeating: "x", count: 479)
        let rest = String(repeating: "/y", count: 32_527)
        let topics = ["a", "b"].map { start + rest + "/" + $0 }
        #expect(topics[0].utf8.count == 65_535)
        for topic in topics + [start, start + "x", start + "/", start + "xx"] {
            #expect(try store.put(topic, String(topic.utf8.count)) == .stored)
        }
        for topic in topics { #expect(try store.topics(topic) == [topic]) }
        #expect(Set(try store.topics("\(start)/#")) == Set(topics + [start, start + "/"]))
        #expect(Set(try store.topics("+")) == [start, start + "x", start + "xx"])
        #expect(try store.topics("+/+") == [start + "/"])
        #expect(try store.put(topics[0], "") == .deleted)
        #expect(try store.topics(topics[1]) == [topics[1]])
        #expect(try store.topics(topics[0]) == [])
        #expect(try store.verify() == [])
    }

    @Test("Topics with the same hash lie beside each other, whichever of them goes first")
    func sameHash() throws {
        let store = try RetainedTestStore()
        let other = long + "z"
        // As if the other topic had the hash of this one.
        let bucket = RetainedKey(long.utf8Span.span)
        let record = RetainedBytes(RetainedTestStore.message(other, "other"), isCut: true)
        try store.environment.write { transaction throws(StoreError) in
            try store.retained.messages.put(bucket.numbered(0), record, in: transaction)
        }
        #expect(try store.put(long, "mine") == .stored)
        #expect(try store.put(long, "mine2") == .replaced)
        #expect(try store.lookUp(long).map(\.text) == ["mine2"])
        #expect(Set(try store.topics("#")) == [long, other])
        try store.environment.write { transaction throws(StoreError) in
            _ = try store.retained.messages.delete(bucket.numbered(0), in: transaction)
        }
        #expect(try store.lookUp(long).map(\.text) == ["mine2"])
        #expect(try store.put(long, "mine3") == .replaced)
        #expect(try store.put(long, "") == .deleted)
        #expect(try store.topics("#") == [])
    }

    @Test(
        "The hash is SipHash-2-4: what its authors' vectors say (bytes 0, 1, ..., key 0 to 15)",
        arguments: [(0, 0x726F_DB47_DD0E_0E31), (15, 0xA129_CA61_49BE_45E5)] as [(UInt8, UInt64)]
    )
    func hash(count: UInt8, expected: UInt64) {
        let bytes = [UInt8](0..<count)
        let hash = TopicHash.hash(
            bytes.span, key0: 0x0706_0504_0302_0100, key1: 0x0F0E_0D0C_0B0A_0908)
        #expect(hash == expected)
    }

    @Test("What is wrong with the tables is found, and named")
    func damage() throws {
        let store = try RetainedTestStore()
        try store.put("a/b", "x", expiresAt: 5)
        try store.put("c", "x")
        let retained = store.retained
        let key = RetainedKey("a/b".utf8Span.span)
        func after(
            _ damage: (borrowing WriteTransaction) throws(StoreError) -> Void
        ) throws(StoreError) -> [String] {
            let transaction = try WriteTransaction(in: store.environment)
            try damage(transaction)
            return try retained.verify(in: transaction)
        }
        #expect(
            try after { transaction throws(StoreError) in
                try retained.expiries.deleteAll(in: transaction)
            } == ["retained message of a/b: its expiry is not in the index"])
        #expect(
            try after { transaction throws(StoreError) in
                try retained.sums.deleteAll(in: transaction)
            } == ["retained messages: the totals are 0 of 0 bytes, there are 2 of 6 bytes"])
        #expect(
            try after { transaction throws(StoreError) in
                let expiry = RetainedMessages.ExpiryKey(7, key)
                try retained.expiries.put(expiry, EmptyRecord(), in: transaction)
            } == ["retained messages: 2 expiries, but 1 messages expire"])
        let wrong = RetainedKey("+".utf8Span.span)
        let found = try after { transaction throws(StoreError) in
            let record = RetainedBytes(RetainedTestStore.message("+", "x"), isCut: false)
            try retained.messages.put(wrong, record, in: transaction)
        }
        #expect(found.contains("retained message of +: that is no topic name"))
        var empty = ByteReader(Span())
        let nothing = try RetainedBytes(decoding: &empty)
        let unreadable = try after { transaction throws(StoreError) in
            try retained.messages.put(key, nothing, in: transaction)
        }
        #expect(unreadable == ["retained message of a/b: malformed: byte"])
        #expect(try store.verify() == [])
    }
}
