import Ledger
import Linux
import Testing

@testable import Gateway

/// What a device's rates cover, to the nanosecond.
@Suite struct TrafficLimiterTests {
    private static func instant(_ milliseconds: Int64) -> MonotonicInstant {
        MonotonicInstant(nanoseconds: 1_000_000_000_000 + milliseconds * 1_000_000)
    }

    @Test(
        "a burst at once, and then so many in a second",
        arguments: [(1, 1), (5, 1), (5, 20), (1_000, 1), (333, 7)] as [(UInt32, UInt32)])
    func burst(perSecond: UInt32, burst: UInt32) throws {
        let rate = try #require(Rate(perSecond: perSecond, burst: burst))
        var limiter = TrafficLimiter(TrafficLimits(messages: rate), own: nil)
        var taken = 0
        while limiter.take(bytes: 10, at: Self.instant(0)) == nil { taken += 1 }
        #expect(taken == Int(burst))
        // Each is due when the one before has been; nothing is lost between them.
        var now = Self.instant(0)
        for _ in 0..<Int(perSecond) * 3 {
            let wait = limiter.take(bytes: 10, at: now)
            let due = try #require(wait)
            let next = limiter.take(bytes: 10, at: due)
            #expect(next == nil)
            now = due
        }
        let passed = now.nanoseconds(since: Self.instant(0))
        #expect(abs(passed - 3_000_000_000) < 1_000_000)
        // After a pause there is a burst again, and no more.
        let later = now.adding(milliseconds: 1_000_000)
        taken = 0
        while limiter.take(bytes: 10, at: later) == nil { taken += 1 }
        #expect(taken == Int(burst))
    }

    @Test("bytes are counted by themselves, and one message may be more than the bucket holds")
    func bytes() throws {
        let rate = try #require(Rate(perSecond: 1_000, burst: 500))
        var limiter = TrafficLimiter(TrafficLimits(bytes: rate), own: nil)
        let due1 = limiter.take(bytes: 400, at: Self.instant(0))
        #expect(due1 == nil)
        let due2 = limiter.take(bytes: 100, at: Self.instant(0))
        #expect(due2 == nil)
        let due3 = limiter.take(bytes: 100, at: Self.instant(0))
        #expect(due3 == Self.instant(100))
        // Four times what it holds goes when it is full, and then nothing goes for four times as long.
        let due4 = limiter.take(bytes: 2_000, at: Self.instant(0))
        #expect(due4 == Self.instant(500))
        let due5 = limiter.take(bytes: 2_000, at: Self.instant(500))
        #expect(due5 == nil)
        let due6 = limiter.take(bytes: 1, at: Self.instant(500))
        #expect(due6 == Self.instant(2_001))
        let due7 = limiter.take(bytes: 0, at: Self.instant(1_999))
        #expect(due7 == Self.instant(2_000))
    }

    @Test("what one rate does not cover is not taken from the other")
    func both() throws {
        let messages = try #require(Rate(perSecond: 1, burst: 2))
        let bytes = try #require(Rate(perSecond: 100, burst: 100))
        var limiter = TrafficLimiter(TrafficLimits(messages: messages, bytes: bytes), own: nil)
        let due8 = limiter.take(bytes: 100, at: Self.instant(0))
        #expect(due8 == nil)
        for _ in 0..<5 {
            let due9 = limiter.take(bytes: 50, at: Self.instant(0))
            #expect(due9 == Self.instant(500))
        }
        let due10 = limiter.take(bytes: 50, at: Self.instant(500))
        #expect(due10 == nil)
        let due11 = limiter.take(bytes: 0, at: Self.instant(500))
        #expect(due11 == Self.instant(1_000))
    }

    @Test("what is put back is there again")
    func giveBack() throws {
        let rate = try #require(Rate(perSecond: 3, burst: 1))
        var limiter = TrafficLimiter(TrafficLimits(messages: rate, bytes: rate), own: nil)
        for _ in 0..<10 {
            let due12 = limiter.take(bytes: 1, at: Self.instant(0))
            #expect(due12 == nil)
            limiter.giveBack(bytes: 1)
        }
        let due13 = limiter.take(bytes: 1, at: Self.instant(0))
        #expect(due13 == nil)
        let due14 = limiter.take(bytes: 1, at: Self.instant(0))
        #expect(due14 != nil)
    }

    @Test("a device's own limits take the place of its product's, member by member")
    func merged() throws {
        let product = TrafficLimits(
            messages: Rate(perSecond: 5), excess: .refuse, inflightMessages: 4, packetBytes: 512)
        let own = TrafficLimits(messages: Rate(perSecond: 50), subscriptions: 3)
        let both = TrafficLimits.merged(own: own, product: product)
        #expect(
            both
                == TrafficLimits(
                    messages: Rate(perSecond: 50), excess: .refuse, inflightMessages: 4,
                    packetBytes: 512, subscriptions: 3))
        #expect(TrafficLimits.merged(own: nil, product: product) == product)
        #expect(TrafficLimits.merged(own: own, product: nil) == own)
        #expect(TrafficLimits.merged(own: nil, product: nil) == nil)
    }

    @Test("the greatest numbers do not overflow")
    func greatest() throws {
        let slow = try #require(Rate(perSecond: 1, burst: Rate.range.upperBound))
        var limiter = TrafficLimiter(TrafficLimits(messages: slow, bytes: slow), own: nil)
        for _ in 0..<3 { _ = limiter.take(bytes: 268_435_455, at: Self.instant(0)) }
        let due15 = limiter.take(bytes: 268_435_455, at: Self.instant(0))
        #expect(due15 != nil)
        #expect(Rate(perSecond: 0) == nil && Rate(perSecond: 1, burst: 0) == nil)
        #expect(TrafficLimits() == nil && TrafficLimits(inflightMessages: 0) == nil)
    }
}
