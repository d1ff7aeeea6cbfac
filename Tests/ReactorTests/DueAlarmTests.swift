import Linux
import Reactor
import Testing
import Time

@Suite struct DueAlarmTests {
    private let hour: Int64 = 3_600_000

    /// Waits at most so many milliseconds for the alarm, and says whether it went off.
    private func goesOff(
        _ alarm: inout DueAlarm,
        _ epoll: borrowing Epoll,
        within milliseconds: Int32
    ) throws -> Bool {
        var events = EventBuffer(capacity: 2)
        guard try epoll.wait(into: &events, timeoutMilliseconds: milliseconds) == 1 else {
            return false
        }
        #expect(events[0].userData == 7)
        alarm.wentOff()
        return true
    }

    @Test("It goes off by what is due, in the order of what is earliest, and again for the next")
    func order() throws {
        let epoll = try Epoll()
        var alarm = try DueAlarm()
        try alarm.attach(to: epoll, userData: 7)
        let clock = ReactorClock(.system)
        let now = clock.monotonic
        try alarm.set(by: now.adding(milliseconds: hour), clock)
        try alarm.set(by: now.adding(milliseconds: 2 * hour), clock)
        #expect(try !goesOff(&alarm, epoll, within: 5))
        // Something earlier has come up.
        try alarm.set(by: now.adding(milliseconds: 30), clock)
        #expect(try goesOff(&alarm, epoll, within: -1))
        #expect(MonotonicInstant.now().milliseconds(since: now) >= 30)
        // What is over is due at once, however often it is asked for.
        for _ in 0..<3 {
            try alarm.set(by: now, clock)
            #expect(try goesOff(&alarm, epoll, within: -1))
        }
    }

    @Test("It goes off too early, not too late, when what was due has moved")
    func moved() throws {
        let epoll = try Epoll()
        var alarm = try DueAlarm()
        try alarm.attach(to: epoll, userData: 7)
        let clock = ReactorClock(.system)
        try alarm.set(by: clock.monotonic.adding(milliseconds: 20), clock)
        try alarm.set(by: clock.monotonic.adding(milliseconds: hour), clock)
        #expect(try goesOff(&alarm, epoll, within: -1))
        try alarm.set(by: clock.monotonic.adding(milliseconds: hour), clock)
        #expect(try !goesOff(&alarm, epoll, within: 5))
    }

    @Test("A test's clock that leaps takes it along: it is set by what is left")
    func leap() throws {
        let epoll = try Epoll()
        var alarm = try DueAlarm()
        try alarm.attach(to: epoll, userData: 7)
        let manual = ManualClock(wall: Timestamp(seconds: 1_000))
        var clock = ReactorClock(.manual(manual))
        let due = clock.monotonic.adding(milliseconds: hour)
        try alarm.set(by: due, clock)
        manual.advance(milliseconds: hour)
        clock.refresh()
        // The hour has not passed for the kernel.
        #expect(try !goesOff(&alarm, epoll, within: 5))
        try alarm.set(by: due.adding(milliseconds: 10), clock)
        #expect(try goesOff(&alarm, epoll, within: -1))
    }
}
