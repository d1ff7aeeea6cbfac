import Metering
import Testing
import Time

@Suite struct AllowanceTests {
    private let store = MemoryStore()

    @Test("C3: the message whose units would cross the allowance is refused whole")
    func refusedWhole() {
        var meter = store.meter()
        let slot = meter.hold(device(1), on: day())
        let first = meter.take(slot, units: 7, allowance: 10, day: day())
        #expect(first == .counted)
        let crossing = meter.take(slot, units: 4, allowance: 10, day: day())
        #expect(crossing == .exhausted(isFirst: true))
        var used = meter.used(slot, on: day())
        #expect(used == 7)
        let fitting = meter.take(slot, units: 3, allowance: 10, day: day())
        #expect(fitting == .counted)
        used = meter.used(slot, on: day())
        #expect(used == 10)
        let beyond = meter.take(slot, units: 1, allowance: 10, day: day())
        #expect(beyond == .exhausted(isFirst: false))
    }

    @Test("C3: the day after, all is normal")
    func dayAfter() {
        var meter = store.meter()
        let slot = meter.hold(device(1), on: day())
        for _ in 0..<12 { _ = meter.take(slot, units: 1, allowance: 10, day: day()) }
        let used = meter.used(slot, on: day(1))
        #expect(used == 0)
        for _ in 0..<10 {
            let verdict = meter.take(slot, units: 1, allowance: 10, day: day(1))
            #expect(verdict == .counted)
        }
        let verdict = meter.take(slot, units: 1, allowance: 10, day: day(1))
        #expect(verdict == .exhausted(isFirst: true))
    }

    @Test("C3: an allowance of nothing lets nothing pass, and an upgraded one at once (A5)")
    func edges() {
        var meter = store.meter()
        let slot = meter.hold(device(1), on: day())
        let none = meter.take(slot, units: 1, allowance: 0, day: day())
        #expect(none == .exhausted(isFirst: true))
        let upgraded = meter.take(slot, units: 1, allowance: 1, day: day())
        #expect(upgraded == .counted)
        let most = meter.take(slot, units: .max - 1, allowance: .max, day: day())
        #expect(most == .counted)
        let overflowing = meter.take(slot, units: 1, allowance: .max, day: day())
        #expect(overflowing == .exhausted(isFirst: false))
    }

    @Test("C4: one notice a day, also after the counter has left memory")
    func oneNotice() {
        var meter = store.meter()
        var slot = meter.hold(device(1), on: day())
        let first = meter.take(slot, units: 1, allowance: 0, day: day())
        #expect(first == .exhausted(isFirst: true))
        meter.release(slot)
        store.flush(&meter)
        #expect(meter.count == 0)
        slot = meter.hold(device(1), on: day())
        let again = meter.take(slot, units: 1, allowance: 0, day: day())
        #expect(again == .exhausted(isFirst: false))
        #expect(meter.dirtyCount == 0, "a refusal that changes nothing is not flushed")
    }

    @Test("C6: past the allowance a message is short of its units, and can be paid for from a pack")
    func pastTheAllowance() {
        var meter = store.meter()
        let slot = meter.hold(device(1), on: day())
        _ = meter.charge(slot, units: 8, allowance: 10, day: day())
        let crossing = meter.charge(slot, units: 5, allowance: 10, day: day())
        #expect(crossing == .short(3))
        var usage = meter.usage(slot, on: day())
        #expect(usage == DayUsage(day: day(), used: 8))
        meter.charge(slot, units: 5, drawn: 3, day: day())
        let beyond = meter.charge(slot, units: 2, allowance: 10, day: day())
        #expect(beyond == .short(2))
        meter.charge(slot, units: 2, drawn: 2, day: day())
        usage = meter.usage(slot, on: day())
        #expect(usage == DayUsage(day: day(), used: 10, topUp: 5))
        // An allowance that is lower than what was used covers nothing, one that was raised the rest.
        let lowered = meter.charge(slot, units: 2, allowance: 4, day: day())
        #expect(lowered == .short(2))
        let raised = meter.charge(slot, units: 2, allowance: 12, day: day())
        #expect(raised == .counted)
    }

    @Test("C6: units past what 32 bits count leave the count there")
    func endOfCounts() {
        var meter = store.meter()
        let slot = meter.hold(device(1), on: day())
        let short = meter.charge(slot, units: .max, allowance: .max, day: day())
        #expect(short == .counted)
        let all = meter.charge(slot, units: .max, allowance: .max, day: day())
        #expect(all == .short(.max))
        for _ in 0..<2 { meter.charge(slot, units: .max, drawn: .max, day: day()) }
        let usage = meter.usage(slot, on: day())
        #expect(usage == DayUsage(day: day(), used: .max, topUp: .max))
    }

    @Test("C9: without a limit everything is counted, to the end of what 32 bits hold")
    func unlimited() {
        var meter = store.meter()
        let slot = meter.hold(device(1), on: day())
        for units in [1, 1 << 31, 1 << 31, 5] as [UInt32] {
            let verdict = meter.take(slot, units: units, allowance: nil, day: day())
            #expect(verdict == .counted)
        }
        let used = meter.used(slot, on: day())
        #expect(used == .max)
    }
}
