import Metering
import Testing
import Time

@testable import Gateway

@Suite struct OnlineScheduleTests {
    @Test("who is online is counted once a quarter, at its beginning or not at all")
    func due() {
        let start = Timestamp(milliseconds: 1_790_000_100_000)
        let first = Quarter(of: start)
        var schedule = OnlineSchedule(from: start)
        func at(_ seconds: Int64, quarters: Int64 = 0) -> Timestamp {
            first.start.adding(milliseconds: (quarters * 900 + seconds) * 1_000)
        }
        let calls: [(Timestamp, Int32?)] = [
            (at(899), nil), (at(0, quarters: 1), 1), (at(10, quarters: 1), nil),
            // The process stood still, or the clock was set.
            (at(200, quarters: 2), nil), (at(210, quarters: 2), nil),
            (at(119, quarters: 3), 3), (at(0, quarters: 2), nil), (at(9, quarters: 4), 4),
        ]
        for (time, number) in calls {
            let due = schedule.due(at: time)
            #expect(due?.number == number.map { first.number + $0 }, "\(time)")
        }
    }

    @Test("a clock that was ahead for a moment leaves out no more than that")
    func ahead() {
        let start = Timestamp(milliseconds: 1_800_000_000_000)
        var schedule = OnlineSchedule(from: start)
        _ = schedule.due(at: start.adding(milliseconds: 365 * 86_400_000))
        let back = start.adding(milliseconds: 10_000)
        #expect(schedule.due(at: back) == nil)
        let next = Quarter(number: Quarter(of: back).number + 1)
        #expect(schedule.due(at: next.start.adding(milliseconds: 1)) == next)
    }
}
