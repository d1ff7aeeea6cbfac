import Metering
import Testing
import Time

@Suite struct DayTests {
    /// What happens to the counts between two steps of the clock.
    enum Flush: CaseIterable {
        case none, underWay, refused, written
    }

    private let store = MemoryStore()

    @Test(
        "C5: the day is the calendar day at the product's offset",
        arguments: [(0, "16:00", 0), (480, "15:59", 0), (480, "16:00", 1), (-300, "04:59", -1)]
    )
    func offsets(minutes: Int, clock: String, distance: Int32) throws {
        let offset = try #require(UTCOffset(minutes: minutes))
        let time = try #require(Timestamp("2026-11-21T\(clock):00Z"))
        var meter = store.meter()
        let slot = meter.hold(device(1), on: day())
        _ = meter.take(slot, units: 3, allowance: nil, day: day())
        _ = meter.take(slot, units: 2, allowance: nil, day: Day(of: time, at: offset))
        let used = meter.used(slot, on: day())
        #expect(used == (distance == 0 ? 5 : 3))
        let there = meter.used(slot, on: day(distance))
        #expect(there == (distance == 0 ? 5 : 2))
    }

    @Test(
        "C5: a clock that steps over midnights, to and fro, loses no count and resets none",
        arguments: Flush.allCases
    )
    func steps(flush: Flush) {
        var meter = store.meter()
        let slot = meter.hold(device(1), on: day())
        var counted: [Day: UInt32] = [:]
        for distance in [0, 1, 0, 1, 2, 1, 0, 3, 0, 2, -1, 3, 0, -1, 4, 1] as [Int32] {
            let today = day(distance)
            let before = meter.used(slot, on: today)
            #expect(before == counted[today, default: 0])
            _ = meter.take(slot, units: 3, allowance: nil, day: today)
            counted[today, default: 0] += 3
            guard flush != .none, let batch = meter.nextBatch(at: noon) else { continue }
            if flush == .written { store.write(batch) }
            if flush != .underWay {
                meter.settle(batch: batch.number, isWritten: flush == .written)
            }
        }
        for (today, units) in counted {
            let used = meter.used(slot, on: today)
            #expect(used == units)
        }
        // What the store never answered for is its writer's to write; all else comes again.
        guard flush != .underWay else { return }
        store.flush(&meter)
        for (today, units) in counted { #expect(store.used(device(1), on: today) == units) }
    }

    @Test("C5: a day whose allowance is used up stays so when the clock comes back to it")
    func exhaustedStays() {
        var meter = store.meter()
        let slot = meter.hold(device(1), on: day())
        _ = meter.take(slot, units: 10, allowance: 10, day: day())
        let first = meter.take(slot, units: 1, allowance: 10, day: day())
        #expect(first == .exhausted(isFirst: true))
        for isFlushed in [false, true, true] {
            let tomorrow = meter.take(slot, units: 1, allowance: 10, day: day(1))
            #expect(tomorrow == .counted)
            if isFlushed { store.flush(&meter) }
            let back = meter.take(slot, units: 1, allowance: 10, day: day())
            #expect(back == .exhausted(isFirst: false))
        }
    }

    @Test("C5: a flush that is refused after midnight is sent again with the day it belongs to")
    func refusedAfterMidnight() throws {
        var meter = store.meter()
        let slot = meter.hold(device(1), on: day())
        _ = meter.take(slot, units: 3, allowance: nil, day: day())
        let batch = try required(meter.nextBatch(at: noon))
        _ = meter.take(slot, units: 1, allowance: nil, day: day(1))
        meter.settle(batch: batch.number, isWritten: false)
        meter.release(slot)
        #expect(
            meter.unsettled(device(1)) == [
                DayUsage(day: day(), used: 3), DayUsage(day: day(1), used: 1),
            ])
        store.flush(&meter)
        #expect(store.used(device(1), on: day()) == 3)
        #expect(store.used(device(1), on: day(1)) == 1)
        #expect(meter.count == 0)
    }

    @Test("C5: midnight asks the store nothing, nor does a step back to a day that is in memory")
    func midnight() {
        var meter = store.meter()
        let slots = (0..<100).map { meter.hold(device($0), on: day()) }
        #expect(store.questions == 100)
        for today in [day(), day(1), day(2), day(1), day()] {
            for slot in slots { _ = meter.take(slot, units: 1, allowance: nil, day: today) }
        }
        #expect(store.questions == 100)
    }
}
