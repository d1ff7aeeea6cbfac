import MQTT
import Testing
import Time

@testable import Sessions

@Suite struct DeliveryQueueTests {
    private func add(_ text: String, qos: QoS = .atLeastOnce, to queue: Subject) {
        _ = queue.append(Sample.queued(text, qos: qos))
    }

    @Test("[MQTT-2.2.1-4] identifiers go from 1 to 65,535 and begin again, and none is 0")
    func identifiers() {
        #expect(DeliveryQueue.packetID(of: 0) == 1)
        #expect(DeliveryQueue.packetID(of: 65_534) == 65_535)
        #expect(DeliveryQueue.packetID(of: 65_535) == 1)
    }

    @Test("[MQTT-3.3.4-9] no more messages are under way than the client's Receive Maximum")
    func receiveMaximum() {
        let queue = Subject(limit: 3)
        for number in 0..<5 {
            add("\(number)", qos: number == 1 ? .exactlyOnce : .atLeastOnce, to: queue)
        }
        #expect(queue.sendAll() == ["0", "1", "2"])
        // A QoS 2 message counts until its PUBCOMP.
        #expect(queue.receive(2) == .taken(sequence: 1))
        #expect(queue.sendAll() == [])
        #expect(queue.release(1) == 2)
        #expect(queue.sendAll() == [])
        #expect(queue.complete(2) == .taken(sequence: 1))
        #expect(queue.sendAll() == ["3"])
        #expect(queue.acknowledge(1) == .taken(sequence: 0))
        #expect(queue.sendAll() == ["4"])
    }

    @Test(
        "[MQTT-4.4.0-1], [MQTT-4.6.0-1]: what is not acknowledged is sent again in order, with DUP")
    func resume() {
        let queue = Subject()
        for (text, qos) in [
            ("a", QoS.atLeastOnce), ("b", .exactlyOnce), ("c", .exactlyOnce), ("d", .atLeastOnce),
            ("e", .exactlyOnce),
        ] { add(text, qos: qos, to: queue) }
        #expect(queue.sendAll() == ["a", "b", "c", "d", "e"])
        add("f", to: queue)
        #expect(queue.receive(3) == .taken(sequence: 2) && queue.release(2) == 3)
        #expect(queue.receive(5) == .taken(sequence: 4))
        #expect(queue.acknowledge(4) == .taken(sequence: 3))

        queue.queue.resume(limit: 4)
        // The fifth's PUBREC is still being written: it is neither sent again nor released.
        #expect(queue.queue.released == [3])
        #expect(queue.sendAll() == ["a again", "b again"])
        #expect(queue.release(4) == 5)
        #expect(queue.complete(3) == .taken(sequence: 2))
        #expect(queue.sendAll() == ["f"])
    }

    @Test("a Receive Maximum smaller than what was released stops no PUBREL")
    func smallerWindow() {
        let queue = Subject()
        for text in ["a", "b", "c"] { add(text, qos: .exactlyOnce, to: queue) }
        _ = queue.sendAll()
        for packetID in [2, 3] as [UInt16] {
            _ = queue.receive(packetID)
            _ = queue.release(UInt64(packetID - 1))
        }
        queue.queue.resume(limit: 1)
        #expect(queue.queue.released == [2, 3] && queue.next() == nil)
        #expect(queue.complete(2) == .taken(sequence: 1) && queue.next() == nil)
        #expect(queue.complete(3) == .taken(sequence: 2))
        #expect(queue.sendAll() == ["a again"])
    }

    @Test("the span from the oldest unacknowledged message to the newest sent is below 65,535")
    func span() throws {
        let queue = Subject(keepsSent: false, limit: .max)
        let stuck = queue.begin(isExactlyOnce: true)
        var last: UInt16 = 0
        var begun = 1
        while queue.isOpen() {
            last = queue.begin(isExactlyOnce: false)
            let outcome = queue.acknowledge(last)
            guard case .taken = outcome else {
                Issue.record("identifier \(last): \(outcome)")
                return
            }
            begun += 1
        }
        #expect(begun == 65_535 && last == 65_535 && stuck == 1)
        #expect(queue.queue.entries.count < 100, "gaps behind the oldest are closed")
        add("x", to: queue)
        #expect(queue.next() == nil)
        #expect(queue.refuse(stuck) == .taken(sequence: 0))
        let next = try #require(queue.next())
        #expect(next.packetID == 1)
    }

    @Test("what nobody could pay for waits, and what is behind it; it is not lost")
    func quota() {
        let queue = Subject()
        _ = queue.append(Sample.queued("a", units: 3))
        _ = queue.append(Sample.queued("b", units: 4))
        #expect(queue.queue.uncoveredUnits == 7 && queue.next()?.isCharged == false)
        #expect(queue.next()?.sequence == 0)
        #expect(queue.sendAll() == ["a", "b"])
        #expect(queue.queue.uncoveredUnits == 0)
        queue.queue.resume(limit: 10)
        #expect(queue.next()?.isCharged == true && queue.queue.uncoveredUnits == 0)
    }

    @Test("a message that is being written holds back those behind it; one that failed does not")
    func storing() {
        let queue = Subject()
        for text in ["a", "b", "c"] {
            _ = queue.append(Sample.queued(text), isStored: false)
        }
        queue.queue.stored(1)
        #expect(queue.next() == nil)
        #expect(queue.drop(0))
        #expect(queue.sendAll() == ["b"])
        queue.queue.stored(2)
        #expect(queue.sendAll() == ["c"])
    }

    @Test("[MQTT-3.3.2-5] a message that was never sent expires; one that was is sent again")
    func expiry() {
        let queue = Subject(limit: 1)
        for _ in 0..<2 {
            _ = queue.append(
                Sample.queued("x", expiresAt: Sample.time))
        }
        #expect(queue.sendAll() == ["x"])
        #expect(queue.dropExpired(at: Sample.time.adding(milliseconds: -1)) == [])
        #expect(queue.dropExpired(at: Sample.time) == [1])
        queue.queue.resume(limit: 1)
        #expect(queue.dropExpired(at: Sample.time) == [] && queue.sendAll() == ["x again"])
    }

    @Test("a full queue takes no more, by count or by bytes")
    func full() {
        let queue = Subject()
        let small = QueueLimits(messages: 2, bytes: 100)
        let tiny = QueueLimits(messages: 2, bytes: 4)
        #expect(queue.append(Sample.queued("aa"), limits: tiny) == nil)
        #expect(queue.append(Sample.queued("a"), limits: tiny) == 0)
        #expect(queue.append(Sample.queued("b"), limits: small) == 1)
        #expect(queue.append(Sample.queued("c"), limits: small) == nil)
        #expect(queue.acknowledge(1) == .unknown, "it was not sent")
        #expect(queue.sendAll() == ["a", "b"])
        #expect(queue.acknowledge(1) == .taken(sequence: 0))
        #expect(queue.append(Sample.queued("c"), limits: small) == 2)
    }
}

@Suite struct ReceivedIdentifiersTests {
    @Test("[MQTT-4.3.3-10] an identifier is received once until it is released", arguments: 0..<10)
    func model(_ seed: Int) {
        var dice = Dice(seed: UInt64(seed))
        var model: Set<UInt16> = []
        var identifiers = ReceivedIdentifiers()
        for _ in 0..<500 {
            let packetID = UInt16(1 + dice.below(40))
            if dice.isLucky(0.5) {
                let expected = model.insert(packetID).inserted
                let isNew = identifiers.insert(packetID)
                #expect(isNew == expected)
            } else {
                let expected = model.remove(packetID) != nil
                let wasThere = identifiers.remove(packetID)
                #expect(wasThere == expected)
            }
            #expect(identifiers.contains(packetID) == model.contains(packetID))
            #expect(identifiers.all == model.sorted() && identifiers.count == model.count)
        }
    }
}
