import Linux
import Testing

@Suite struct EpollTests {
    @Test("An event carries the number it was added with, until it is changed or removed")
    func userData() throws {
        let epoll = try Epoll()
        let wakeup = try Wakeup()
        var events = EventBuffer(capacity: 4)
        let number = wakeup.descriptor.rawValue

        try epoll.add(number, interest: .read, userData: 0xFEDC_BA98_7654_3210)
        #expect(try epoll.wait(into: &events, timeoutMilliseconds: 0) == 0)
        wakeup.signal()
        #expect(try epoll.wait(into: &events, timeoutMilliseconds: 0) == 1)
        #expect(events.count == 1)
        #expect(events[0].userData == 0xFEDC_BA98_7654_3210)
        #expect(events[0].isReadable && !events[0].isWritable)

        try epoll.modify(number, interest: [.read, .write], userData: 7)
        #expect(try epoll.wait(into: &events, timeoutMilliseconds: 0) == 1)
        #expect(events[0].userData == 7)
        #expect(events[0].isReadable && events[0].isWritable)

        try epoll.remove(number)
        #expect(try epoll.wait(into: &events, timeoutMilliseconds: 0) == 0)
        #expect(throws: Errno.noSuchFile) { try epoll.remove(number) }
    }

    @Test("A wake-up stays readable until it is reset; edge-triggered, each signal is told once")
    func wakeup() throws {
        let epoll = try Epoll()
        let level = try Wakeup()
        let edge = try Wakeup()
        var events = EventBuffer(capacity: 4)
        try epoll.add(level.descriptor.rawValue, interest: .read, userData: 1)
        level.signal()
        level.signal()
        for _ in 0..<2 { #expect(try epoll.wait(into: &events, timeoutMilliseconds: 0) == 1) }
        level.reset()
        level.reset()
        #expect(try epoll.wait(into: &events, timeoutMilliseconds: 0) == 0)

        try epoll.add(
            edge.descriptor.rawValue,
            interest: [.read, .edgeTriggered],
            userData: 2
        )
        for _ in 0..<3 {
            edge.signal()
            #expect(try epoll.wait(into: &events, timeoutMilliseconds: 0) == 1)
            #expect(try epoll.wait(into: &events, timeoutMilliseconds: 0) == 0)
        }
    }

    @Test("An alarm is told once when its time is up; set anew, it forgets what it was set to")
    func alarm() throws {
        let epoll = try Epoll()
        let alarm = try Alarm()
        var events = EventBuffer(capacity: 4)
        try epoll.add(
            alarm.descriptor.rawValue,
            interest: [.read, .edgeTriggered],
            userData: 5
        )
        #expect(try epoll.wait(into: &events, timeoutMilliseconds: 0) == 0)
        for nanoseconds in [20_000_000, 1, 0, -1_000] as [Int64] {
            let start = MonotonicInstant.now()
            try alarm.set(nanoseconds: 3_600_000_000_000)
            try alarm.set(nanoseconds: nanoseconds)
            #expect(try epoll.wait(into: &events, timeoutMilliseconds: -1) == 1)
            #expect(events[0].userData == 5)
            #expect(MonotonicInstant.now().nanoseconds(since: start) >= nanoseconds)
            #expect(try epoll.wait(into: &events, timeoutMilliseconds: 0) == 0)
        }
        try alarm.set(nanoseconds: 1)
        try alarm.set(nanoseconds: 3_600_000_000_000)
        #expect(try epoll.wait(into: &events, timeoutMilliseconds: 20) == 0)
    }

    @Test("A wait ends with its time, not before")
    func timeout() throws {
        let epoll = try Epoll()
        var events = EventBuffer(capacity: 1)
        let start = MonotonicInstant.now()
        #expect(try epoll.wait(into: &events, timeoutMilliseconds: 20) == 0)
        #expect(MonotonicInstant.now().nanoseconds(since: start) >= 19_000_000)
    }

    @Test("More descriptors are ready than there is room for: the rest comes with the next wait")
    func moreThanRoom() throws {
        let epoll = try Epoll()
        let first = try Wakeup()
        let second = try Wakeup()
        var events = EventBuffer(capacity: 1)
        let interest: Interest = [.read, .edgeTriggered]
        try epoll.add(first.descriptor.rawValue, interest: interest, userData: 1)
        try epoll.add(second.descriptor.rawValue, interest: interest, userData: 2)
        first.signal()
        second.signal()
        var seen: Set<UInt64> = []
        for _ in 0..<2 {
            #expect(try epoll.wait(into: &events, timeoutMilliseconds: 0) == 1)
            seen.insert(events[0].userData)
        }
        #expect(seen == [1, 2])
    }
}
