import Linux
import Testing

@testable import Gateway

@Suite struct TrimScheduleTests {
    @Test("Memory is given back each minute, and sooner when a thousand connections have come")
    func schedule() {
        let start = MonotonicInstant(nanoseconds: 0)
        func due(_ schedule: inout TrimSchedule, _ seconds: Int64, _ accepted: UInt64) -> Bool {
            schedule.isDue(at: start.adding(milliseconds: seconds * 1_000), accepted: accepted)
        }
        var schedule = TrimSchedule(from: start)
        #expect(due(&schedule, 0, 0))
        #expect(!due(&schedule, 10, 999))
        #expect(due(&schedule, 20, 1_000))
        #expect(!due(&schedule, 30, 1_999))
        // A minute after the last time, not after the first.
        #expect(!due(&schedule, 79, 1_999))
        #expect(due(&schedule, 80, 1_999))
        #expect(!due(&schedule, 90, 2_998))
        #expect(due(&schedule, 100, 2_999))
    }
}
