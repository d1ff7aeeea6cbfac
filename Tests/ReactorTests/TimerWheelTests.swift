import Randomness
import Reactor
import Testing

@Suite struct TimerWheelTests {
    @Test("A timer fires with its tick, not before, and once")
    func fires() {
        var wheel = TimerWheel(limit: 4)
        var fired: [UInt32] = []
        wheel.schedule(2, at: 10)
        wheel.advance(to: 9, into: &fired)
        #expect(fired.isEmpty && wheel.deadline(of: 2) == 10)
        wheel.advance(to: 10, into: &fired)
        #expect(fired == [2] && wheel.deadline(of: 2) == nil && wheel.count == 0)
        wheel.advance(to: 1_000, into: &fired)
        #expect(fired == [2])
    }

    @Test("A tick that has passed fires with the next one")
    func pastTick() {
        var wheel = TimerWheel(limit: 4, now: 100)
        var fired: [UInt32] = []
        wheel.schedule(0, at: 100)
        wheel.schedule(1, at: 0)
        wheel.advance(to: 100, into: &fired)
        #expect(fired.isEmpty)
        wheel.advance(to: 101, into: &fired)
        #expect(fired.sorted() == [0, 1])
    }

    @Test("Scheduling again replaces; cancelling a timer that has no deadline says so")
    func replaceAndCancel() {
        var wheel = TimerWheel(limit: 4)
        var fired: [UInt32] = []
        wheel.schedule(0, at: 5)
        wheel.schedule(0, at: 50)
        #expect(wheel.count == 1)
        wheel.advance(to: 49, into: &fired)
        #expect(fired.isEmpty)
        let first = wheel.cancel(0)
        let second = wheel.cancel(0)
        let unused = wheel.cancel(3)
        #expect(first && !second && !unused && wheel.nextEvent == nil)
        wheel.advance(to: 100, into: &fired)
        #expect(fired.isEmpty && wheel.nextEvent == nil)
    }

    @Test("Delays of years, and up to the last tick there is, are kept exactly")
    func longDelays() {
        var wheel = TimerWheel(limit: 80)
        var fired: [UInt32] = []
        for digit in 0..<64 { wheel.schedule(UInt32(digit), at: 1 << UInt64(digit)) }
        wheel.schedule(64, at: .max)
        for digit in 0..<64 {
            let tick: UInt64 = 1 << UInt64(digit)
            wheel.advance(to: tick - 1, into: &fired)
            #expect(fired.isEmpty)
            wheel.advance(to: tick, into: &fired)
            #expect(fired == [UInt32(digit)])
            fired.removeAll()
        }
        wheel.advance(to: .max - 1, into: &fired)
        #expect(fired.isEmpty)
        wheel.advance(to: .max, into: &fired)
        #expect(fired == [64])
    }

    @Test("Timers that fire together come by their deadline")
    func order() {
        var wheel = TimerWheel(limit: 100)
        var fired: [UInt32] = []
        for id in 0..<100 as Range<UInt32> { wheel.schedule(id, at: UInt64(10_000 - id * 97)) }
        wheel.advance(to: 1_000_000, into: &fired)
        #expect(fired == (0..<100).reversed())
    }

    @Test(
        "Any schedule, cancel and advance does what a plain dictionary of deadlines does",
        arguments: 1...12 as ClosedRange<UInt64>
    )
    func againstModel(seed: UInt64) {
        let limit: UInt32 = 200
        var random = SplitMix64(seed: seed)
        var wheel = TimerWheel(limit: Int(limit), now: seed % 3 == 0 ? random.next() >> 8 : 0)
        var model: [UInt32: UInt64] = [:]
        var fired: [UInt32] = []
        for _ in 0..<4_000 {
            let id = UInt32.random(in: 0..<limit, using: &random)
            switch Int.random(in: 0..<10, using: &random) {
            case 0..<5:
                let bits = UInt64.random(in: 0..<40, using: &random)
                let delay = random.next() & ((1 << bits) - 1)
                wheel.schedule(id, at: wheel.now + delay)
                model[id] = max(wheel.now + delay, wheel.now + 1)
            case 5:
                let wasScheduled = wheel.cancel(id)
                #expect(wasScheduled == (model.removeValue(forKey: id) != nil))
            default:
                let bits = UInt64.random(in: 0..<34, using: &random)
                let target = wheel.now + random.next() & ((1 << bits) - 1)
                check(advancing: &wheel, to: max(target, wheel.now), &model, &fired)
            }
            #expect(wheel.count == model.count)
            #expect(wheel.deadline(of: id) == model[id])
        }
        check(advancing: &wheel, to: wheel.now + 1 << 41, &model, &fired)
        #expect(wheel.count == 0 && wheel.nextEvent == nil)
    }

    /// Advances both; what fires must be what is due, by deadline, and the hint never late.
    private func check(
        advancing wheel: inout TimerWheel,
        to target: UInt64,
        _ model: inout [UInt32: UInt64],
        _ fired: inout [UInt32]
    ) {
        let nearest = model.values.min()
        let hint = wheel.nextEvent
        #expect((hint == nil) == (nearest == nil))
        if let hint, let nearest { #expect(hint > wheel.now && hint <= nearest) }
        let due = model.filter { $0.value <= target }
        fired.removeAll(keepingCapacity: true)
        wheel.advance(to: target, into: &fired)
        #expect(wheel.now == target)
        #expect(Set(fired) == Set(due.keys) && fired.count == due.count)
        let deadlines = fired.compactMap { due[$0] }
        #expect(deadlines == deadlines.sorted())
        for id in fired { model[id] = nil }
    }
}
