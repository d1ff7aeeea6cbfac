import MQTT
import Processes
import Testing
import Time

@testable import Sessions

/// A queue and its model, side by side.
private struct Pair {
    var queue: DeliveryQueue
    var model: QueueModel
    var dice: Dice
    let limits = QueueLimits(messages: 40, bytes: 600)

    init(seed: UInt64) {
        dice = Dice(seed: seed)
        let keepsSent = dice.isLucky(0.6)
        let limit = [1, 2, 5, 20, 65_535][dice.below(5)]
        queue = DeliveryQueue(keepsSent: keepsSent, limit: UInt16(limit))
        model = QueueModel(keepsSent: keepsSent, limit: limit)
        // So that identifiers begin again from 1 in the middle.
        queue.nextSequence = UInt64(65_500 + dice.below(50))
        model.nextSequence = queue.nextSequence
    }

    mutating func step() {
        switch dice.below(20) {
        case 0..<4: append()
        case 4..<6: begin()
        case 6..<10: send()
        case 10: store()
        case 11: drop()
        case 12..<14: acknowledge()
        case 14: receive()
        case 15: refuse()
        case 16: release()
        case 17: complete()
        case 18: expire()
        default: if dice.isLucky(0.1) { resume() }
        }
        compare()
    }

    private mutating func append() {
        let isStored = dice.isLucky(0.5) || !model.keepsSent
        let content = Sample.queued(
            String(repeating: "m", count: dice.below(40)),
            qos: dice.isLucky(0.5) ? .atLeastOnce : .exactlyOnce,
            expiresAt: dice.isLucky(0.3)
                ? Sample.time.adding(seconds: Int64(dice.below(100))) : nil,
            sharedFilter: dice.isLucky(0.2) ? "$share/g/a/b" : nil,
            units: UInt32(dice.below(4))
        )
        let fits =
            model.keptCount < limits.messages
            && model.keptBytes + content.byteCount <= limits.bytes
        let expected = fits ? model.nextSequence : nil
        let sequence = queue.append(content, isStored: isStored, limits: limits)
        #expect(sequence == expected)
        if fits { model.append(content, isStored: isStored) }
    }

    private mutating func begin() {
        let isOpen = queue.isOpen()
        #expect(isOpen == model.isOpen)
        guard isOpen, !model.keepsSent else { return }
        let isExactlyOnce = dice.isLucky(0.5)
        let expected = QueueModel.packetID(model.nextSequence)
        let packetID = queue.begin(isExactlyOnce: isExactlyOnce)
        #expect(packetID == expected)
        #expect(!model.entries.contains { QueueModel.packetID($0.sequence) == packetID })
        model.begin(isExactlyOnce: isExactlyOnce)
    }

    private mutating func send() {
        let next = queue.next()
        let expected = model.next.map { model.entries[$0] }
        #expect(next?.sequence == expected?.sequence)
        #expect(next?.content == expected?.content)
        #expect(next?.isDuplicate == expected?.isDuplicate)
        #expect(next?.isCharged == expected?.isCharged)
        // Now and then there is no quota for it.
        guard let next, dice.isLucky(0.9) else { return }
        queue.didSend(next)
        model.didSend()
    }

    private mutating func anyPlace(_ state: QueueModel.State? = nil) -> Int? {
        let places = model.entries.indices.filter { place in
            state.map { model.entries[place].state == $0 } ?? true
        }
        return places.isEmpty ? nil : places[dice.below(places.count)]
    }

    private mutating func store() {
        guard let place = anyPlace(.storing) else { return }
        model.entries[place].state = .waiting
        queue.stored(model.entries[place].sequence)
    }

    private mutating func drop() {
        guard dice.isLucky(0.5), let place = anyPlace() else { return }
        let sequence = model.entries.remove(at: place).sequence
        let first = queue.drop(sequence)
        let second = queue.drop(sequence)
        #expect(first && !second)
    }

    /// One that is in use, or next to it, or any.
    private mutating func packetID() -> UInt16 {
        if dice.isLucky(0.1) { return UInt16(dice.below(65_536)) }
        guard let place = anyPlace(dice.isLucky(0.5) ? .sent : nil) else { return 7 }
        return QueueModel.packetID(model.entries[place].sequence)
    }

    private mutating func acknowledge() {
        let packetID = packetID()
        let outcome = queue.acknowledge(packetID)
        guard let place = model.place(ofPacket: packetID) else {
            #expect(outcome == .unknown)
            return
        }
        let entry = model.entries[place]
        if entry.isExactlyOnce {
            #expect(outcome == .misplaced(sequence: entry.sequence))
        } else {
            #expect(outcome == .taken(sequence: entry.sequence))
            model.entries.remove(at: place)
        }
    }

    private mutating func receive() {
        let packetID = packetID()
        let outcome = queue.receive(packetID)
        guard let place = model.place(ofPacket: packetID) else {
            #expect(outcome == .unknown)
            return
        }
        let entry = model.entries[place]
        switch (entry.isExactlyOnce, entry.state) {
        case (false, _): #expect(outcome == .misplaced(sequence: entry.sequence))
        case (true, .received), (true, .released):
            #expect(outcome == .repeated(sequence: entry.sequence))
        default:
            #expect(outcome == .taken(sequence: entry.sequence))
            model.entries[place].state = .received
        }
    }

    private mutating func refuse() {
        let packetID = packetID()
        let outcome = queue.refuse(packetID)
        guard let place = model.place(ofPacket: packetID) else {
            #expect(outcome == .unknown)
            return
        }
        let entry = model.entries[place]
        if entry.isExactlyOnce, entry.state == .sent || entry.state == .waiting {
            #expect(outcome == .taken(sequence: entry.sequence))
            model.entries.remove(at: place)
        } else {
            #expect(outcome == .misplaced(sequence: entry.sequence))
        }
    }

    private mutating func release() {
        guard let place = anyPlace(dice.isLucky(0.8) ? .received : nil) else { return }
        let entry = model.entries[place]
        let isReceived = entry.state == .received
        let packetID = queue.release(entry.sequence)
        #expect(packetID == (isReceived ? QueueModel.packetID(entry.sequence) : nil))
        if isReceived { model.entries[place].state = .released }
    }

    private mutating func complete() {
        let place = anyPlace(.released)
        let packetID = place.map { QueueModel.packetID(model.entries[$0].sequence) } ?? packetID()
        let outcome = queue.complete(packetID)
        guard let place = model.place(ofPacket: packetID) else {
            #expect(outcome == .unknown)
            return
        }
        let entry = model.entries[place]
        if entry.state == .released {
            #expect(outcome == .taken(sequence: entry.sequence))
            model.entries.remove(at: place)
        } else {
            #expect(outcome == .misplaced(sequence: entry.sequence))
        }
    }

    private mutating func expire() {
        let time = Sample.time.adding(seconds: Int64(dice.below(100)))
        let dropped = queue.dropExpired(at: time)
        let expected = model.expire(at: time)
        #expect(dropped == expected)
    }

    private mutating func resume() {
        let limit = 1 + dice.below(20)
        queue.resume(limit: UInt16(limit))
        model.resume(limit: limit)
    }

    private mutating func compare() {
        #expect(queue.count == model.entries.count)
        #expect(queue.keptCount == model.keptCount && queue.keptBytes == model.keptBytes)
        #expect(queue.inFlightCount == model.inFlight)
        #expect(queue.hasRoom == (model.inFlight < model.limit))
        #expect(queue.uncoveredUnits == model.uncovered)
        #expect(queue.released == model.released)
        #expect(queue.nextSequence == model.nextSequence)
        #expect(queue.isEmpty == model.entries.isEmpty)
        if queue.isEmpty { #expect(queue.entries.capacity == 0, "an empty queue owns no memory") }
        #expect(queue.entries.count <= 3 * queue.count + 64, "gaps are closed")
    }
}

@Suite(.computes) struct DeliveryQueueModelTests {
    @Test("a queue behaves as a list that is searched, whatever happens", arguments: 0..<60)
    func agrees(_ seed: Int) {
        var pair = Pair(seed: UInt64(seed))
        for _ in 0..<600 { pair.step() }
    }
}
