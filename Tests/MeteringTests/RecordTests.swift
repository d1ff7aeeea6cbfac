import Bytes
import Metering
import Storage
import Testing
import Time

@Suite struct RecordTests {
    private func decoded(_ buffer: borrowing ByteBuffer) throws(MalformedRecord) -> UsageRecord {
        var reader = ByteReader(buffer.span)
        return try UsageRecord(decoding: &reader)
    }

    @Test("C8: the last 31 days' counts are kept")
    func thirtyOneDays() {
        var record = UsageRecord()
        for distance in 0..<40 as Range<Int32> {
            let grown = record.record(UInt32(distance) + 1, on: day(distance))
            #expect(grown == UInt32(distance) + 1)
        }
        #expect(record.days.map(\.day) == (9..<40 as Range<Int32>).map { day($0) })
        #expect(record.used(on: day(39)) == 40 && record.used(on: day(9)) == 10)
        #expect(record.usage(on: day(8)) == nil && record.used(on: day(8)) == 0)
        let tooOld = record.record(99, on: day(8))
        #expect(tooOld == 0 && record.days.count == 31)
    }

    @Test("C7: a count only grows, and a record answers by how much")
    func grows() {
        var record = UsageRecord()
        let growths = [(5, 5), (5, 0), (8, 3), (2, 0), (9, 1)] as [(UInt32, UInt32)]
        for (used, growth) in growths {
            let grown = record.record(used, on: day())
            #expect(grown == growth)
        }
        let late = record.record(4, on: day(-1))
        #expect(late == 4)
        #expect(record.days == [DayUsage(day: day(-1), used: 4), DayUsage(day: day(), used: 9)])
    }

    @Test("C6, C8: units from top-up packs are kept beside those of the allowance, and only grow")
    func topUps() {
        var record = UsageRecord()
        record.record(DayUsage(day: day(), used: 10, topUp: 5))
        let grown = record.record(DayUsage(day: day(), used: 10, topUp: 8))
        #expect(grown == DayUsage(day: day(), topUp: 3))
        let overtaken = record.record(DayUsage(day: day(), used: 10, topUp: 6))
        #expect(overtaken == DayUsage(day: day()))
        #expect(record.days == [DayUsage(day: day(), used: 10, topUp: 8)])
    }

    @Test("C8: a day on which nothing was counted takes no other one's place")
    func emptyDay() {
        var record = UsageRecord()
        for distance in -30...0 as ClosedRange<Int32> { record.record(7, on: day(distance)) }
        record.record(DayUsage(day: day(1)))
        #expect(record.days.map(\.day) == (-30...0).map { day($0) })
        record.record(DayUsage(day: day(1), isNoticed: true))
        #expect(record.usage(on: day(1))?.isNoticed == true)
    }

    @Test("C5: a clock that was in another year for a while costs one day of history")
    func farAway() {
        var record = UsageRecord()
        for distance in -30...0 as ClosedRange<Int32> { record.record(7, on: day(distance)) }
        record.record(1, on: day(4_000))
        let again = record.record(7, on: day())
        #expect(again == 0)
        record.record(3, on: day(1))
        #expect(record.used(on: day()) == 7 && record.used(on: day(1)) == 3)
        #expect(record.days.map(\.day).dropLast() == (-28...1).map { day($0) }[...])
    }

    @Test("A record is read as it was written, and nothing else is taken for one")
    func bytes() throws {
        var record = UsageRecord()
        record.seenAt = noon
        record.record(.max, on: Day(number: .min))
        record.record(0, on: day(), isNoticed: true)
        record.record(1, on: Day(number: .max))
        record.record(DayUsage(day: day(2), used: 3, topUp: .max))
        var buffer = ByteBuffer()
        record.encode(into: &buffer)
        let read = try decoded(buffer)
        #expect(read == record)
        #expect(read.usage(on: day())?.isNoticed == true)
        for length in 0..<buffer.count {
            var cut = ByteBuffer()
            cut.append(buffer.span.extracting(0..<length))
            #expect(throws: MalformedRecord.self) { try decoded(cut) }
        }
        var later = ByteBuffer()
        later.append(2 as UInt8)
        later.append(buffer.span.extracting(1..<buffer.count))
        let newer = "device usage of version 2, which a newer Tollgate wrote: this one knows 1"
        #expect(throws: MalformedRecord.malformed(what: newer)) { try decoded(later) }
    }
}
