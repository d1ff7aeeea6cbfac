import Linux
import Testing

@testable import Gateway

/// What holds for one source of connections, with a time that the test sets.
@Suite struct SourceLimitTests {
    private func time(_ milliseconds: Int64) -> MonotonicInstant {
        MonotonicInstant(nanoseconds: 1_000_000_000_000 + milliseconds * 1_000_000)
    }

    private func source(_ text: String) -> SourceNetwork { SourceNetwork(IPAddress(text)!) }

    @Test("a source is an IPv4 address, or the /64 of an IPv6 address")
    func sources() {
        #expect(source("192.0.2.1") != source("192.0.2.2"))
        #expect(source("192.0.2.1") == source("::ffff:192.0.2.1"))
        #expect(source("2001:db8::1") == source("2001:db8::ffff:1"))
        #expect(source("2001:db8::1") != source("2001:db8:0:1::1"))
        // An IPv6 network of the same bits as an IPv4 address.
        #expect(source("0:0:c000:201::1") != source("192.0.2.1"))
    }

    @Test("a source connects as often as it may in a second, and twice as often at once")
    func rates() {
        var rates = ConnectRates(perSecond: 10)
        let (one, other) = (source("192.0.2.1"), source("192.0.2.2"))
        var admitted = (0..<100).count { _ in rates.admits(one, at: time(0)) }
        #expect(admitted == 20)
        let isOtherAdmitted = rates.admits(other, at: time(0))
        #expect(isOtherAdmitted)
        admitted = (1...1_000).count { rates.admits(one, at: time(Int64($0) * 10)) }
        #expect((99...101).contains(admitted))
        admitted = (0..<100).count { _ in rates.admits(one, at: time(60_000)) }
        #expect(admitted == 20)
        var slow = ConnectRates(perSecond: 0.1)
        admitted = (0..<100).count { slow.admits(one, at: time(Int64($0) * 1_000)) }
        #expect(admitted == 10)
    }

    @Test("wrong secrets hold back for a second, two, four, up to a limit; a quiet minute forgives")
    func failures() {
        var failures = FailureGuard<Int>(failuresPerMinute: 5, penaltyMaximumMilliseconds: 4_000)
        func fail(_ count: Int, at milliseconds: Int64) {
            for _ in 0..<count { failures.noteFailure(1, at: time(milliseconds)) }
        }
        fail(5, at: 0)
        #expect(!failures.isHeldBack(1, at: time(0)))
        fail(1, at: 0)
        #expect(failures.isHeldBack(1, at: time(999)) && !failures.isHeldBack(1, at: time(1_000)))
        #expect(!failures.isHeldBack(2, at: time(0)))
        fail(1, at: 1_000)
        #expect(failures.isHeldBack(1, at: time(2_999)) && !failures.isHeldBack(1, at: time(3_000)))
        fail(1, at: 3_000)
        #expect(failures.isHeldBack(1, at: time(6_999)) && !failures.isHeldBack(1, at: time(7_000)))
        fail(1, at: 7_000)
        #expect(!failures.isHeldBack(1, at: time(11_000)))
        fail(5, at: 300_000)
        #expect(!failures.isHeldBack(1, at: time(300_000)))
        fail(1, at: 300_000)
        #expect(!failures.isHeldBack(1, at: time(301_000)))
        failures.noteSuccess(1, at: time(301_000))
        fail(5, at: 301_000)
        #expect(!failures.isHeldBack(1, at: time(301_000)))
    }

    @Test("in an hour of guessing as fast as possible, few guesses are looked at")
    func guessing() {
        var failures = FailureGuard<Int>(failuresPerMinute: 10, penaltyMaximumMilliseconds: 60_000)
        var guesses = 0
        for tick in 0..<Int64(36_000) where !failures.isHeldBack(1, at: time(tick * 100)) {
            failures.noteFailure(1, at: time(tick * 100))
            guesses += 1
        }
        #expect(guesses < 10 * 60 + 20)
    }

    @Test("a table never has more entries than its limit; those in use stay")
    func bounded() {
        var table = BoundedTable<Int, Int>(limit: 100)
        for key in 0..<10_000 {
            table.update(key, orInsert: key) { $0 += 1 }
            table.update(-1, orInsert: 0) { $0 += 1 }
            #expect(table.count <= 100)
        }
        #expect(table.value(of: -1) == 10_000)
        #expect(table.value(of: 9_999) == 10_000)
        #expect(table.value(of: 0) == nil)
    }
}
