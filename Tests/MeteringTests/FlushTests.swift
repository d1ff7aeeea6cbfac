import Metering
import Testing
import Time

@Suite struct FlushTests {
    private let store = MemoryStore()

    private func counts(_ batch: UsageBatch?) -> [UInt32] {
        batch?.entries.map(\.usage.used) ?? []
    }

    @Test("C7: a batch carries whole counts; one that was refused goes again with later ones")
    func refused() throws {
        var meter = store.meter()
        let slot = meter.hold(device(1), on: day())
        _ = meter.charge(slot, units: 5, allowance: nil, day: day())
        let first = try required(meter.nextBatch(at: noon))
        #expect(counts(first) == [5])
        #expect(!meter.isDirty && meter.isAwaitingStore)
        _ = meter.charge(slot, units: 3, allowance: nil, day: day())
        meter.settle(batch: first.number, isWritten: false)
        let second = meter.nextBatch(at: noon)
        #expect(counts(second) == [8] && second?.takenAt == noon)
        let none = meter.nextBatch(at: noon)
        #expect(none == nil)
    }

    @Test(
        "C7: of two batches under way the later decides, whichever is answered first",
        arguments: [false, true], [false, true]
    )
    func overtaken(isFirstWritten: Bool, isSecondFirst: Bool) throws {
        for isSecondWritten in [false, true] {
            var meter = store.meter()
            let slot = meter.hold(device(1), on: day())
            _ = meter.charge(slot, units: 5, allowance: nil, day: day())
            let first = try required(meter.nextBatch(at: noon))
            _ = meter.charge(slot, units: 3, allowance: nil, day: day())
            let second = try required(meter.nextBatch(at: noon))
            meter.release(slot)
            let answers = [(first, isFirstWritten), (second, isSecondWritten)]
            for (batch, isWritten) in isSecondFirst ? answers.reversed() : answers {
                meter.settle(batch: batch.number, isWritten: isWritten)
            }
            #expect(meter.isDirty == !isSecondWritten)
            #expect(meter.count == (isSecondWritten ? 0 : 1))
            #expect(meter.isAwaitingStore == false)
        }
    }

    @Test("C7: a counter survives its device until the store has confirmed it")
    func survives() throws {
        var meter = store.meter()
        let slot = meter.hold(device(1), on: day())
        _ = meter.charge(slot, units: 5, allowance: nil, day: day())
        meter.release(slot)
        for _ in 0..<3 {
            let batch = try required(meter.nextBatch(at: noon))
            #expect(counts(batch) == [5])
            meter.settle(batch: batch.number, isWritten: false)
            #expect(meter.count == 1)
        }
        store.flush(&meter)
        #expect(meter.count == 0 && !meter.isDirty && !meter.isAwaitingStore)
        #expect(store.used(device(1), on: day()) == 5)
    }

    @Test("C7: a device that reconnects before its flush is confirmed finds its counts, of any day")
    func reconnects() throws {
        var meter = store.meter()
        var slot = meter.hold(device(1), on: day())
        _ = meter.charge(slot, units: 5, allowance: nil, day: day())
        _ = meter.charge(slot, units: 2, allowance: nil, day: day(1))
        meter.release(slot)
        slot = meter.hold(device(1), on: day(1))
        let dirty = meter.used(slot, on: day(1))
        #expect(dirty == 2)
        let batch = try required(meter.nextReleasedBatch(at: noon))
        #expect(counts(batch) == [2, 5])
        meter.release(slot)
        slot = meter.hold(device(1), on: day(1))
        let today = meter.used(slot, on: day(1))
        let yesterday = meter.used(slot, on: day())
        #expect(today == 2 && yesterday == 5)
        meter.settle(batch: batch.number, isWritten: true)
        #expect(meter.count == 1)
        #expect(store.questions == 1)
    }

    @Test("C7: who has gone is flushed at once, and nobody else")
    func onDisconnect() {
        var meter = store.meter()
        let slots = (0..<10).map { meter.hold(device($0), on: day()) }
        for slot in slots { _ = meter.charge(slot, units: 1, allowance: nil, day: day()) }
        let nobody = meter.nextReleasedBatch(at: noon)
        #expect(nobody == nil)
        meter.release(slots[3])
        meter.release(slots[7])
        let gone = meter.nextReleasedBatch(at: noon)
        #expect(Set(gone?.entries.map(\.device) ?? []) == [device(3), device(7)])
        #expect(meter.dirtyCount == 8)
        let rest = meter.nextBatch(at: noon)
        #expect(rest?.entries.count == 8)
    }

    @Test(
        "a device that goes without a count is written with the time, and is on the way until that is answered"
    )
    func departed() {
        var meter = store.meter()
        let left = noon.adding(milliseconds: -700)
        meter.noteDeparture(of: device(1), nil, on: day(), at: left)
        let slot = meter.hold(device(2), on: day())
        _ = meter.charge(slot, units: 3, allowance: nil, day: day())
        meter.noteDeparture(of: device(2), slot, on: day(), at: left)
        let waiting = (meter.departedCount, meter.hasReleased)
        #expect(waiting == (1, false))
        meter.release(slot)
        let batch = meter.nextReleasedBatch(at: noon)
        #expect(
            batch?.entries.map(\.device).sorted { "\($0)" < "\($1)" } == [device(1), device(2)])
        let without = batch?.entries.first { $0.device == device(1) }
        #expect(without?.usage == DayUsage(day: day()) && without?.seenAt == left)
        #expect(batch?.entries.first { $0.device == device(2) }?.usage.used == 3)
        let isOnItsWay = meter.isAwaitingStore
        #expect(isOnItsWay)
        let next = meter.nextReleasedBatch(at: noon)
        #expect(next == nil)
        meter.settle(batch: batch?.number ?? 0, isWritten: true)
        let isStillOnItsWay = meter.isAwaitingStore
        #expect(!isStillOnItsWay && meter.count == 0)
    }

    @Test("C7: a flush leaves nothing behind, however many devices came and went before it")
    func everything() {
        var meter = store.meter()
        let staying = (0..<10).map { meter.hold(device($0), on: day()) }
        for slot in staying { _ = meter.charge(slot, units: 1, allowance: nil, day: day()) }
        for number in 100..<200 {
            let slot = meter.hold(device(number), on: day())
            _ = meter.charge(slot, units: 1, allowance: nil, day: day())
            meter.release(slot)
            while let batch = meter.nextReleasedBatch(at: noon) {
                store.write(batch)
                meter.settle(batch: batch.number, isWritten: true)
            }
        }
        #expect(meter.count == 10 && meter.dirtyCount == 10)
        var flushed = 0
        while let batch = meter.nextBatch(at: noon, maximum: 4) {
            #expect(batch.entries.count <= 4)
            flushed += batch.entries.count
        }
        #expect(flushed == 10 && !meter.isDirty)
    }

    @Test("C7: the counts that have waited longest are flushed first")
    func order() {
        var meter = store.meter()
        let slots = (0..<20).map { meter.hold(device($0), on: day()) }
        for slot in slots { _ = meter.charge(slot, units: 1, allowance: nil, day: day()) }
        for start in stride(from: 0, to: 20, by: 5) {
            let batch = meter.nextBatch(at: noon, maximum: 5)
            #expect(batch?.entries.map(\.device) == (start..<start + 5).map { device($0) })
            _ = meter.charge(slots[start], units: 1, allowance: nil, day: day())
        }
        #expect(meter.dirtyCount == 4)
    }

    @Test("C7: a displaced connection and the one that displaced it each give their hold back")
    func twoHolders() {
        var meter = store.meter()
        let old = meter.hold(device(1), on: day())
        let new = meter.hold(device(1), on: day())
        #expect(old == new)
        meter.release(new)
        #expect(meter.count == 1)
        _ = meter.charge(old, units: 1, allowance: nil, day: day())
        meter.release(old)
        store.flush(&meter)
        #expect(meter.count == 0 && store.used(device(1), on: day()) == 1)
    }

    @Test("C7: an answer that comes late does not touch the device that has the slot by then")
    func lateAnswer() throws {
        var meter = store.meter()
        var slot = meter.hold(device(1), on: day())
        _ = meter.charge(slot, units: 5, allowance: nil, day: day())
        let early = try required(meter.nextBatch(at: noon))
        _ = meter.charge(slot, units: 5, allowance: nil, day: day())
        let late = try required(meter.nextBatch(at: noon))
        meter.release(slot)
        meter.settle(batch: late.number, isWritten: true)
        #expect(meter.count == 0)
        slot = meter.hold(device(2), on: day())
        meter.settle(batch: early.number, isWritten: false)
        #expect(meter.dirtyCount == 0)
        _ = meter.charge(slot, units: 1, allowance: nil, day: day())
        let batch = meter.nextBatch(at: noon)
        #expect(batch?.entries.map(\.device) == [device(2)] && counts(batch) == [1])
    }
}
