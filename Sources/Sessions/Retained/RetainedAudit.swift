import Bytes
import MQTT
public import Storage
import Time

extension RetainedMessages {
    /// Whether every message can be read and lies where its topic says, its expiry is in the index and
    /// nothing else is, and the totals are the sums: sentences that name what is wrong, at most
    /// `limit`. Reads all of it.
    public func verify(
        limit: Int = 100,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> [String] {
        var audit = RetainedAudit(self, limit: limit)
        try audit.run(in: transaction)
        return audit.findings
    }
}

/// One reading of all retained messages that collects what does not agree.
struct RetainedAudit {
    private let retained: RetainedMessages
    private let limit: Int
    private(set) var findings: [String] = []
    private var sums = RetainedTotals()
    private var expiring = 0

    /// A message could not be read, so that the sums say nothing.
    private var isIncomplete = false

    init(_ retained: RetainedMessages, limit: Int) {
        self.retained = retained
        self.limit = limit
    }

    private mutating func find(_ finding: @autoclosure () -> String) {
        if findings.count < limit { findings.append(finding()) }
    }

    mutating func run(in transaction: borrowing some Transaction & ~Copyable) throws(StoreError) {
        var audit = self
        try retained.messages.scan(in: transaction) { (key, bytes) throws(StoreError) in
            let key = RetainedKey(bytes: key.bytesArray)
            do throws(StoreError) {
                try audit.check(key, RetainedRecord(bytes), in: transaction)
            } catch .malformed(let what) {
                audit.isIncomplete = true
                audit.find("retained message of \(Self.name(key.topic)): malformed: \(what)")
            }
            return .proceed
        }
        try audit.checkExpiries(in: transaction)
        try audit.checkTotals(in: transaction)
        self = audit
    }

    private static func name(_ topic: [UInt8]) -> String { String(decoding: topic, as: UTF8.self) }

    private mutating func check(
        _ key: RetainedKey,
        _ record: borrowing RetainedRecord,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) {
        let topic = key.isCut ? record.topic.bytesArray : key.topic
        let subject = "retained message of \(Self.name(topic))"
        sums.add(record.byteCount(of: key))
        if !PrivateTopic.includes(topic), TopicName.violation(in: topic.span) != nil {
            find("\(subject): that is no topic name")
        }
        if record.payload.isEmpty { find("\(subject): it has no payload") }
        if (try? PropertyView(validating: record.properties, in: .publish)) == nil {
            find("\(subject): its properties can't be read")
        }
        let place = try retained.find(topic.span, in: transaction).key
        if place != key || key.isCut == record.topic.isEmpty {
            find("\(subject): it is not where its topic is looked for")
        }
        guard let expiresAt = record.expiresAt else { return }
        expiring += 1
        let expiry = RetainedMessages.ExpiryKey(expiresAt.milliseconds, key)
        if try !retained.expiries.contains(expiry, in: transaction) {
            find("\(subject): its expiry is not in the index")
        }
    }

    private mutating func checkExpiries(
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) {
        // Each message's entry was found, so that only entries without a message can be more.
        let entries = try retained.expiries.count(in: transaction)
        let messages = expiring
        if !isIncomplete, entries > messages {
            find("retained messages: \(entries) expiries, but \(messages) messages expire")
        }
    }

    private mutating func checkTotals(
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) {
        let totals: RetainedTotals
        do throws(StoreError) {
            totals = try retained.totals(in: transaction)
        } catch .malformed(let what) {
            return find("retained messages: malformed: \(what)")
        }
        let sums = sums
        guard !isIncomplete, totals != sums else { return }
        find(
            """
            retained messages: the totals are \(totals.messages) of \(totals.bytes) bytes, \
            there are \(sums.messages) of \(sums.bytes) bytes
            """
        )
    }
}
