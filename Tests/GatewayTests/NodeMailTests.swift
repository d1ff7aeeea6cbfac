import Bytes
import Ledger
import Metering
import MQTT
import Sessions
import Storage
import Testing
import Time

@testable import Gateway

/// What nodes tell each other, as it travels.
@Suite struct NodeMailTests {
    private static let device = DeviceIdentity(
        product: ProductKey("lamp")!, device: DeviceKey("dk.1")!)
    private static let name = SessionName(
        product: "lamp".utf8Span.span, device: "dk.1".utf8Span.span)
    private static let time = Timestamp(milliseconds: 1_800_000_000_123)
    private static let day = DayUsage(
        day: Day(number: 20_785), used: 7, topUp: .max, isNoticed: true)
    private static let message = Message(
        topic: Array("d/lamp/dk.1/down/set".utf8), payload: Array(0...255), qos: .exactlyOnce,
        expiresAt: time)
    private static let request = NodeRequest(number: 7_000_000)
    private static let place = ClientPlace(name: name, number: .max)

    private static var session: StoredSession {
        get throws {
            let record = SessionRecord(
                number: SessionNumber(9), version: .v5, expiryIntervalSeconds: 600,
                will: StoredWill(message, isRetained: true, delaySeconds: 5),
                subscriptions: [
                    StoredSubscription(
                        filter: Array("$share/g/t/#".utf8),
                        options: SubscriptionOptions(qos: .atLeastOnce),
                        identifier: 3)
                ],
                connectedAt: time)
            var buffer = ByteBuffer()
            buffer.append(UInt8(1))
            var part = ByteBuffer()
            record.encode(into: &part)
            buffer.append(counted: part.span)
            // No queue, nothing sent, two identifiers.
            buffer.appendVarint(0)
            buffer.appendVarint(0)
            buffer.append(list: [1, 65_535] as [UInt16]) { $0.append($1) }
            var reader = ByteReader(buffer.span)
            return try StoredSession(taking: &reader)
        }
    }

    /// One of each kind, and of each question and answer.
    private static var samples: [NodeMail] {
        get throws {
            let filter = Array("a/+/#".utf8)
            let connection = DeviceConnection(
                address: "[2001:db8::9]:51324", listener: "devices", connectedAt: time,
                protocolVersion: "5.0", clientID: "lamp.dk.1", keepAliveSeconds: 60,
                encryption: DeviceConnection.Encryption(
                    version: "TLSv1.3", cipher: "TLS_AES_128_GCM_SHA256", isResumed: true),
                parent: device, children: 3, certificateExpiresAt: time)
            let outcome = ConnectionOutcome(
                reason: .kicked, at: time, address: "203.0.113.9:1", listener: "devices")
            let questions: [NodeQuestion] = [
                .onlineCount(device.product), .connection(device), .outcomes(device),
                .lastSeen([device, device]), .refusals([device]), .refusals([]), .usage(device),
                .kick(device),
                .recall(AccountID("acme")!),
                .follow(.trace(device), FeedNumber(number: .max)),
                .endFollowing(.trace(device), FeedNumber(number: 0)),
                .follow(.presence(device.product), FeedNumber(number: 1)),
                .endFollowing(.presence(device.product), FeedNumber(number: 1)),
                .connections(from: .max, nil, limit: 250),
                .connections(from: 0, device.product, limit: 1),
                .productDays(device.product, from: day.day, to: Day(number: -3)),
                .daysOfProducts([device.product, device.product], from: day.day, to: day.day),
                .online([device.product], from: Quarter(number: -3), to: Quarter(number: .max)),
                .figures, .pass, .unknown, .imagePiece(.max, at: 1 << 40), .images([]),
                .images([0, .max]),
            ]
            let answers: [NodeAnswer] = [
                .done, .notStored, .askAgain,
                .granted(
                    ClaimGrant(
                        number: 1, hasDisplaced: true, days: [day],
                        session: (try session, NodeName("n-1.a_b")!))),
                .granted(ClaimGrant(number: 0, hasDisplaced: false, days: [], session: nil)),
                .yielded(YieldedClient(wasConnected: true, days: [day], session: try session)),
                .yielded(YieldedClient(wasConnected: false, days: [], session: nil)),
                .count(.max), .flag(true), .connection(connection), .connection(nil),
                .outcomes(DeviceOutcomes(lastRefusal: nil, lastEnding: outcome)),
                .refusals([nil, outcome]), .refusals([]),
                .traced(Self.traced(at: time), dropped: 7), .traced([], dropped: 0),
                .times([nil, time]), .days([day, day]),
                .productDays([ProductDay(day: day.day, used: .max, topUp: 1)]),
                .piece([]), .piece([0, 255]), .flags([]), .flags([true, false]),
                .daysOfProducts([
                    [], [ProductDay(day: day.day, used: .max, topUp: 1, devices: 7)],
                    [ProductDay(day: day.day, used: 1)],
                ]),
                .online([
                    OnlineCount(quarter: Quarter(number: .min), online: .max, devices: 0)
                ]), .unknown,
            ]
            let delivery = NodeDelivery(
                isRetained: true, isForSubscribers: false, shares: [filter, []])
            var ofHeir = delivery
            ofHeir.keeper = NodeName("n2")
            var ofTwoHeirs = delivery
            ofTwoHeirs.excluded = [NodeName("n3")!]
            ofTwoHeirs.inherited = InheritedForward(
                node: NodeName("n4")!, number: ForwardNumber(rawValue: 1), keeper: NodeName("n5"),
                shard: 1, shardCount: 2)
            return [
                .subscribe(filter: filter, hasConnected: true, isStored: false, request),
                .unsubscribe(filter: [], request),
                .connected(share: filter, false),
                .deliver(message, delivery, request), .deliver(message, delivery, nil),
                .forward(ForwardNumber(rawValue: .max), message, delivery, request),
                .forward(ForwardNumber(rawValue: 7), message, ofHeir, request),
                .forward(ForwardNumber(rawValue: 7), message, ofTwoHeirs, request),
                .forwarding([ForwardNumber(life: 1, shard: 2, count: 3)], first: 0),
                .forwarding([], first: .max),
                .settled([ForwardNumber(rawValue: 0)], keeper: nil),
                .settled([ForwardNumber(rawValue: 0)], keeper: NodeName("n2")), .filtersTold,
                .away(NodeName("n-1.a_b")!, shard: 7, shards: 8, filter: filter),
                .crowded(.max, filters: [filter, filter]), .crowded(1, filters: []),
                .toDevice(message, isRetained: true, device, isForwarded: false, request),
                .toDevice(message, isRetained: false, device, isForwarded: true, nil),
                .claim(name, isCleanStart: true, request),
                .yield(name, isCleanStart: false, request, to: nil),
                .yield(name, isCleanStart: true, request, to: NodeName("n2")),
                .left(name),
                .taken(name),
                .rest(name, [QueuedMessage(message, qos: .atLeastOnce, units: 3)]),
                .holds([place, place]), .released(place), .superseded(place),
                .placesTold(PlacesMark(table: 0, inherited: [])),
                .placesTold(
                    PlacesMark(
                        table: .max,
                        inherited: [.init(node: NodeName("n-1.a_b")!, number: 300)])),
                .counted([UsageBatch.Entry(device: device, usage: day)], at: time),
            ] + questions.map { .ask($0, request) } + answers.map { .answer(request, $0) }
                + DownlinkOutcome.allCases.map { .answer(request, .outcome($0)) }
        }
    }

    private func bytes(of mail: NodeMail) -> [UInt8] {
        var buffer = ByteBuffer()
        mail.encode(into: &buffer)
        return buffer.span.bytesArray
    }

    @Test("every message between nodes is read as it was written, to its last byte")
    func roundTrip() throws {
        for mail in try Self.samples {
            let written = bytes(of: mail)
            var reader = ByteReader(written.span)
            let read = try NodeMail(taking: &reader)
            let isRead = reader.isAtEnd
            #expect(isRead, "\(mail)")
            #expect(bytes(of: read) == written, "\(mail)")
        }
    }

    @Test(
        "a message that is cut off, or has another byte anywhere, is read or refused, never worse")
    func damaged() throws {
        for mail in try Self.samples {
            let written = bytes(of: mail)
            for length in 0..<written.count {
                var reader = ByteReader(written.span.extracting(0..<length))
                let read = try? NodeMail(taking: &reader)
                // Behind its request, a question or an answer that can't be read is an unknown one; and what an older
                // program does not write may be missing at the end.
                let isWhole = read.map { bytes(of: $0) == Array(written[..<length]) } ?? true
                #expect(isWhole || read?.isUnknown == true && length >= 5, "\(mail)")
            }
            for index in written.indices {
                for byte in [0, 1, 0x7F, 0x80, 0xFF, written[index] ^ 1] as [UInt8] {
                    var changed = written
                    changed[index] = byte
                    var reader = ByteReader(changed.span)
                    _ = try? NodeMail(taking: &reader)
                }
            }
        }
    }

    @Test("3.3.2.3.3: a message's end is moved by the difference of two nodes' clocks")
    func clocks() throws {
        var batch = NodeBatch()
        var scratch = ByteBuffer()
        let delivery = NodeDelivery(isRetained: false, isForSubscribers: true, shares: [])
        let sentAt = Self.time.adding(milliseconds: -1_000)
        batch.append(.deliver(Self.message, delivery, nil), from: 3, to: 5, at: sentAt, &scratch)
        batch.append(.taken(Self.name), from: 3, to: 5, at: sentAt, &scratch)
        let bytes = batch.take()
        #expect(batch.isEmpty)
        #expect(NodeBatch.receiver(of: bytes) == 5)
        var ends: [Timestamp?] = []
        var count = 0
        // An hour ahead.
        let receivedAt = sentAt.adding(milliseconds: 3_600_000)
        let unread = try NodeBatch.read(bytes, at: receivedAt) { mail, shard in
            #expect(shard == 3)
            count += 1
            if case .deliver(let message, _, _) = mail { ends.append(message.expiresAt) }
        }
        #expect(count == 2 && unread == 0)
        #expect(ends == [receivedAt.adding(milliseconds: 1_000)])
    }

    @Test("a batch of another version, or with bytes that are no message, is refused")
    func foreign() {
        for bytes in [
            [], [2, 0, 0] + Array(repeating: 0, count: 8), Array(repeating: 1, count: 12),
        ]
            as [[UInt8]]
        {
            #expect(throws: MalformedRecord.self) {
                _ = try NodeBatch.read(bytes, at: Self.time) { _, _ in }
            }
        }
    }

    @Test("of a batch, what a later version has said is passed over, and all else is read")
    func later() throws {
        var batch = NodeBatch()
        var scratch = ByteBuffer()
        batch.append(.taken(Self.name), from: 1, to: 0, at: Self.time, &scratch)
        var bytes = batch.take()
        // A kind that is none; a known one with an outcome that is none; a known one with more behind it.
        for part in [
            [200, 1, 2, 3],
            self.bytes(of: .answer(Self.request, .outcome(.queued))).dropLast() + [99],
            self.bytes(of: .released(Self.place)) + [1, 2, 3],
        ] as [[UInt8]] { bytes += [UInt8(part.count)] + part }
        bytes += [0]
        var read: [NodeMail] = []
        let unread = try NodeBatch.read(bytes, at: Self.time) { mail, _ in read.append(mail) }
        #expect(unread == 2)
        try #require(read.count == 3)
        #expect(self.bytes(of: read[0]) == self.bytes(of: .taken(Self.name)))
        #expect(self.bytes(of: read[1]) == self.bytes(of: .answer(Self.request, .unknown)))
        #expect(self.bytes(of: read[2]) == self.bytes(of: .released(Self.place)))
    }

    /// Each kind, with all that it may have and with little.
    private static func traced(at time: Timestamp) -> [TraceEvent] {
        let full = TracedPacket(
            isFromDevice: true, type: "PUBLISH", bytes: 300, topic: "d/lamp/d1/up/a", qos: 2,
            outcome: "refused", reason: .quotaExceeded)
        let kinds: [TraceEvent.Kind] = [
            .connected(address: "203.0.113.9:1", listener: "devices", protocolVersion: "5.0"),
            .refused(.kicked, address: "[2001:db8::9]:1", listener: ""), .packet(full),
            .packet(TracedPacket(isFromDevice: false, type: "CONNACK", bytes: 0)),
            .ended(.kicked),
        ]
        return kinds.map { TraceEvent(at: time, kind: $0) }
            + [TraceEvent(at: time, kind: .ended(.kicked), node: "n2")]
    }
}

extension NodeMail {
    fileprivate var isUnknown: Bool {
        switch self {
        case .ask(.unknown, _), .answer(_, .unknown): true
        case .subscribe, .unsubscribe, .connected, .filtersTold, .crowded, .deliver, .forward,
            .forwarding, .settled, .toDevice, .claim, .yield, .taken, .rest, .left, .holds,
            .released, .superseded, .away, .placesTold, .counted, .ask, .answer:
            false
        }
    }
}
