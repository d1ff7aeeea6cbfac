import Linux
import Reactor
import Testing
import Time

@Suite struct MailboxTests {
    @Test("Messages come in the order they were posted, with one wake-up per batch")
    func batch() throws {
        let epoll = try Epoll()
        var events = EventBuffer(capacity: 4)
        let mailbox = try Mailbox<Int>()
        try mailbox.attach(to: epoll, userData: Token.reserved(9).rawValue)
        var messages: [Int] = []
        for _ in 0..<3 {
            mailbox.post(1)
            mailbox.post(contentsOf: [2, 3])
            mailbox.post(contentsOf: [])
            #expect(try epoll.wait(into: &events, timeoutMilliseconds: 0) == 1)
            #expect(events[0].userData == Token.reserved(9).rawValue)
            #expect(try epoll.wait(into: &events, timeoutMilliseconds: 0) == 0)
            mailbox.drain(into: &messages)
            #expect(messages == [1, 2, 3])
            mailbox.drain(into: &messages)
            #expect(messages.isEmpty)
        }
        mailbox.post(contentsOf: [])
        #expect(try epoll.wait(into: &events, timeoutMilliseconds: 0) == 0)
    }

    @Test("Draining into the same array again and again gives both arrays' memory back")
    func steadyState() throws {
        let mailbox = try Mailbox<Int>()
        var messages: [Int] = []
        var capacities: [Int] = []
        for _ in 0..<6 {
            mailbox.post(contentsOf: 0..<1_000)
            mailbox.drain(into: &messages)
            capacities.append(messages.capacity)
        }
        #expect(Set(capacities[2...]).isSubset(of: Set(capacities[..<2])))
    }

    @Test("No message and no wake-up is lost between several posting threads and a sleeping reader")
    func threads() throws {
        let mailbox = try Mailbox<Int>()
        let epoll = try Epoll()
        var events = EventBuffer(capacity: 1)
        try mailbox.attach(to: epoll, userData: 0)
        let writers = try (0..<3).map { writer in
            try Thread(name: "writer-\(writer)") {
                for number in 0..<5_000 { mailbox.post(writer * 10_000 + number) }
            }
        }
        var last = [-1, -1, -1]
        var seen = 0
        var messages: [Int] = []
        while seen < 15_000 {
            let count = try epoll.wait(into: &events, timeoutMilliseconds: 5_000)
            guard count == 1 else {
                Issue.record("asleep after \(seen) messages")
                break
            }
            mailbox.drain(into: &messages)
            for message in messages {
                let (writer, number) = (message / 10_000, message % 10_000)
                #expect(number == last[writer] + 1)
                last[writer] = number
            }
            seen += messages.count
        }
        for writer in writers { writer.join() }
        #expect(seen == 15_000)
    }

    @Test("A turn's clock stands still until it is refreshed; a test's clock moves when told")
    func clock() {
        let manual = ManualClock(wall: Timestamp(seconds: 1_000))
        var clock = ReactorClock(.manual(manual))
        manual.advance(milliseconds: 1_500)
        #expect(clock.wall == Timestamp(seconds: 1_000))
        #expect(clock.monotonic == MonotonicInstant(nanoseconds: 0))
        clock.refresh()
        #expect(clock.wall == Timestamp(milliseconds: 1_001_500))
        #expect(clock.monotonic == MonotonicInstant(nanoseconds: 1_500_000_000))
        manual.set(wall: Timestamp(seconds: 5))
        clock.refresh()
        #expect(clock.wall == Timestamp(seconds: 5))
        #expect(clock.monotonic == MonotonicInstant(nanoseconds: 1_500_000_000))
        #expect(ReactorClock(.system).wall > Timestamp(seconds: 1_700_000_000))
    }
}
