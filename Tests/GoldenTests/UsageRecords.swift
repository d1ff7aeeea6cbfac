import Bytes
import MQTT
import Storage
import Time

@testable import Ledger
@testable import Metering
@testable import Sessions

/// Values of every kind of the counts' keys and records.
enum UsageRecords {
    private static func day(_ number: Int32) -> Day { Day(number: number) }

    static func tables(_ tables: UsageTables) -> [GoldenTable] {
        let product = LedgerRecords.product
        let days = [
            DayUsage(day: day(.min), used: .max), DayUsage(day: day(19_675), isNoticed: true),
            DayUsage(day: day(.max), used: 300, topUp: .max, isNoticed: true),
        ]
        return [
            GoldenTable(
                tables.devices,
                keys: ["plain": LedgerRecords.identity],
                records: [
                    "empty": UsageRecord(),
                    "full": UsageRecord(days: days, seenAt: LedgerRecords.time),
                ]
            ),
            GoldenTable(
                tables.products,
                keys: [
                    "plain": ProductDayKey(product, day(19_675)),
                    "before 1970": ProductDayKey(product, day(.min)),
                ],
                records: [
                    "empty": ProductDayTotal(), "full": ProductDayTotal(used: .max, topUp: 300),
                    "counted": ProductDayTotal(used: .max, topUp: 300, devices: 258),
                ]
            ),
            GoldenTable(
                tables.adopted,
                keys: ["plain": ProductDayKey(product, day(19_675))],
                records: [
                    "full": ProductDayTotal(used: .max, topUp: 300),
                    "counted": ProductDayTotal(used: .max, topUp: 300, devices: 258),
                ]
            ),
            GoldenTable(
                tables.online,
                keys: ["plain": OnlineDayKey(day(19_675), product)],
                records: [
                    "empty": OnlineDayRecord(),
                    "full": OnlineDayRecord(entries: [
                        .init(index: 0, online: 0, devices: .max),
                        .init(index: 7, online: 300, devices: 0),
                        .init(index: 95, online: .max, devices: 300),
                    ]),
                ]
            ),
        ]
    }
}

/// Values of every kind of the sessions' keys and records.
enum SessionRecords {
    static let name = SessionName(product: "PK1".utf8Span.span, device: "d:1@x".utf8Span.span)
    static let application = SessionName(key: "k1".utf8Span.span, clientID: "app".utf8Span.span)!
    static let anonymous = SessionName(anonymous: "client".utf8Span.span)!
    static let number = SessionNumber(7)

    static let message = Message(topic: Array("d/PK1/d".utf8), payload: [], qos: .atMostOnce)

    /// With a content type.
    static let fullMessage = Message(
        topic: Array("d/PK1/d/down/x".utf8),
        payload: Array(0...255),
        qos: .exactlyOnce,
        properties: [0x03, 0, 1, 0x61],
        expiresAt: LedgerRecords.time
    )

    private static var connected: SessionRecord {
        SessionRecord(
            number: number, version: .v3_1_1, expiryIntervalSeconds: .max,
            connectedAt: LedgerRecords.time)
    }

    private static var claimed: SessionRecord {
        SessionRecord(
            number: number, version: .v5, expiryIntervalSeconds: 60, claim: 7 << 32 | 300,
            connectedAt: LedgerRecords.time)
    }

    private static var ended: SessionRecord {
        var record = SessionRecord(
            number: SessionNumber(.max), version: .v5, expiryIntervalSeconds: 3_600,
            will: StoredWill(
                fullMessage, isRetained: true, messageExpirySeconds: .max, delaySeconds: 30),
            subscriptions: [
                StoredSubscription(
                    filter: Array("d/+/#".utf8), options: SubscriptionOptions(qos: .atMostOnce)),
                StoredSubscription(
                    filter: Array("$share/g/d/#".utf8),
                    options: SubscriptionOptions(
                        qos: .exactlyOnce, noLocal: false, retainAsPublished: true,
                        retainHandling: .doNotSend),
                    identifier: 268_435_455),
            ],
            connectedAt: LedgerRecords.time
        )
        record.end(at: LedgerRecords.time.adding(seconds: 60))
        return record
    }

    private static var queued: QueuedMessage {
        QueuedMessage(
            fullMessage, qos: .exactlyOnce, isRetained: true,
            subscriptionIdentifiers: [1, 268_435_455], sharedFilter: Array("$share/g/d/#".utf8),
            units: .max)
    }

    private static let forwardNumber = ForwardNumber(life: 0x01_0203, shard: 4, count: 0x0506_0708)

    private static let forward = Forward(
        message, isRetained: false, isForSubscribers: true, shares: [], shard: 0, shardCount: 1)

    private static let fullForward = Forward(
        fullMessage, isRetained: true, isForSubscribers: false,
        shares: [Array("$share/g/d/#".utf8), Array("$share/h/+".utf8)], shard: 254,
        shardCount: 255)

    static func tables(_ tables: SessionTables) -> [GoldenTable] {
        let due = LedgerRecords.time.milliseconds
        return [
            GoldenTable(
                tables.sessions,
                keys: ["device": name, "application": application, "anonymous": anonymous],
                records: ["connected": connected, "claimed": claimed, "ended": ended]
            ),
            GoldenTable(tables.dues, keys: ["plain": KeyPair(due, name)]),
            GoldenTable(
                tables.queues,
                keys: ["plain": KeyPair(number, 300)],
                records: [
                    "least": .message(QueuedMessage(message, qos: .atLeastOnce)),
                    "most": .message(queued), "released": .released,
                ]
            ),
            GoldenTable(tables.received, keys: ["plain": ReceivedKey(number, 0xFFFE)]),
            GoldenTable(
                tables.marks,
                keys: ["plain": number],
                records: ["plain": SequenceRecord(301), "most": SequenceRecord(.max)]
            ),
            GoldenTable(tables.removals, keys: ["plain": number]),
            GoldenTable(tables.numbers, keys: ["only": 0], records: ["plain": SequenceRecord(7)]),
            GoldenTable(
                tables.nodes.forwards,
                keys: ["plain": KeyPair("n-1.a_b", forwardNumber)],
                records: [
                    "least": forward, "most": fullForward,
                    "readdressed": forward.readdressed(from: "n2", forwardNumber),
                    "inherited": forward.kept(after: "n2", forwardNumber),
                    "inheritedAndReaddressed": forward.kept(after: "n2", forwardNumber)
                        .readdressed(from: "n3", ForwardNumber(rawValue: 1))
                        .kept(after: "n4", ForwardNumber(rawValue: 2)),
                ]
            ),
            GoldenTable(
                tables.nodes.taken, keys: ["plain": KeyTriple("n1", ShardKey(2), forwardNumber)]),
            GoldenTable(
                tables.nodes.filters,
                keys: ["plain": KeyTriple("n1", ShardKey(254), 300)],
                records: [
                    "plain": FilterRecord(Array("$share/g/d/#".utf8), shardCount: 255)
                ]
            ),
        ]
    }
}

/// The same of a copy of another node's sessions, with what it has besides.
extension SessionRecords {
    static func tables(_ tables: FollowedTables) -> [GoldenTable] {
        self.tables(tables.sessions) + [
            GoldenTable(tables.numbers, keys: ["plain": number]),
            GoldenTable(
                tables.marks, keys: ["only": FollowedTables.markKey],
                records: ["plain": SequenceRecord(300)]),
        ]
    }
}

/// Values of every kind of the retained messages' keys and records.
enum RetainedRecords {
    static let long = Array(String(repeating: "long/", count: 100).utf8)

    static let messages: KeyValuePairs<String, Message> = [
        "least": Message(topic: Array("a/b".utf8), payload: [1], qos: .atMostOnce),
        "most": SessionRecords.fullMessage,
        "cut": Message(topic: long, payload: [1, 2], qos: .atLeastOnce),
    ]

    static func tables(_ tables: RetainedMessages) -> [GoldenTable] {
        let key = RetainedKey("a/b".utf8Span.span)
        let longKey = RetainedKey(long.span).numbered(1)
        let time = LedgerRecords.time.milliseconds
        var totals = RetainedTotals()
        totals.messages = 300
        totals.bytes = .max
        func bytes(_ name: String) -> RetainedBytes {
            let message = messages.first { $0.key == name }!.value
            return RetainedBytes(message, isCut: name == "cut")
        }
        return [
            GoldenTable(
                tables.messages,
                keys: ["plain": key, "cut": longKey],
                records: ["least": bytes("least"), "most": bytes("most"), "cut": bytes("cut")]
            ),
            GoldenTable(tables.expiries, keys: ["plain": KeyPair(time, key)]),
            GoldenTable(
                tables.sums,
                keys: ["only": 0],
                records: ["empty": RetainedTotals(), "full": totals]
            ),
            GoldenTable(
                tables.marks,
                keys: ["only": 0],
                records: [
                    "generation": RetainedMark(
                        position: 300, at: LedgerRecords.time, generation: 1 << 40)
                ],
                older: [
                    "plain": RetainedMark(position: 300, at: LedgerRecords.time, generation: 1)
                ]
            ),
        ]
    }
}

extension RetainedBytes: Equatable {
    static func == (left: RetainedBytes, right: RetainedBytes) -> Bool {
        left.bytes == right.bytes
    }
}
