import Testing
import Time

@Suite struct CalendarTests {
    @Test(
        "RFC 3339 text and timestamps are each other's inverse",
        arguments: [
            ("1970-01-01T00:00:00Z", 0), ("2026-11-21T08:15:30.250Z", 1_795_248_930_250),
            ("1969-12-31T23:59:59.999Z", -1), ("2000-02-29T12:00:00Z", 951_825_600_000),
        ] as [(String, Int64)]
    )
    func roundTrip(text: String, milliseconds: Int64) {
        #expect(Timestamp(text)?.milliseconds == milliseconds)
        #expect(Timestamp(milliseconds: milliseconds).description == text)
    }

    @Test("Times as far apart as they can be are answered with the farthest that can be said")
    func farApart() {
        let (first, last) = (Timestamp(milliseconds: .min), Timestamp(milliseconds: .max))
        #expect(last.adding(milliseconds: 1) == last && first.adding(milliseconds: -1) == first)
        #expect(last.adding(seconds: .max) == last && last.adding(days: .max) == last)
        #expect(first.adding(seconds: .min) == first && first.adding(days: .min) == first)
        #expect(last.milliseconds(since: first) == .max)
        #expect(first.milliseconds(since: last) == .min)
        #expect(last.adding(milliseconds: .min) == Timestamp(milliseconds: -1))
        for minutes in [-1_080, 0, 1_080] {
            guard let offset = UTCOffset(minutes: minutes) else { continue }
            _ = (Day(of: first, at: offset), Day(of: last, at: offset))
        }
    }

    @Test("A numeric offset is taken off")
    func offsets() {
        #expect(Timestamp("2026-11-21T08:00:00+08:00") == Timestamp("2026-11-21T00:00:00Z"))
        #expect(Timestamp("2026-11-20T23:30:00-00:30") == Timestamp("2026-11-21T00:00:00Z"))
    }

    @Test(
        "What is not a date is refused",
        arguments: [
            "", "2026-02-29", "2026-13-01", "2026-1-01", "2026-01-01T", "2026-01-01T24:00:00Z",
            "2026-01-01T00:00:00", "2026-01-01T00:00:00Zx", "2026-01-01T00:00:00.Z",
        ]
    )
    func refused(text: String) {
        #expect(Timestamp(text) == nil)
        #expect(Day(text) == nil)
    }

    @Test("C5: a day begins at midnight of its offset, to the millisecond")
    func dayBoundary() throws {
        let offset = try #require(UTCOffset(minutes: 8 * 60))
        let day = try #require(Day("2026-11-21"))
        let start = day.start(at: offset)
        #expect(start == Timestamp("2026-11-20T16:00:00Z"))
        #expect(Day(of: start, at: offset) == day)
        #expect(Day(of: start.adding(milliseconds: -1), at: offset) == day.adding(days: -1))
        #expect(Day(of: Timestamp(milliseconds: -1), at: .utc).number == -1)
        #expect(UTCOffset(minutes: 1_081) == nil)
    }

    @Test("D2: a month begins at midnight of its first day, at its offset, also before 1970")
    func monthBoundary() throws {
        let offset = try #require(UTCOffset(minutes: 8 * 60))
        let start = try #require(Timestamp("2026-11-30T16:00:00Z"))
        #expect(Month(of: start, at: offset).description == "2026-12")
        #expect(Month(of: start, at: .utc).description == "2026-11")
        let before = Month(of: start.adding(milliseconds: -1), at: offset)
        #expect(before.description == "2026-11" && before < Month(of: start, at: offset))
        #expect(Month(of: Timestamp(milliseconds: 0), at: .utc) == Month(number: 0))
        #expect(Month(of: Timestamp(milliseconds: -1), at: .utc).description == "1969-12")
        for number: Int32 in -25...25 {
            let month = Month(number: number)
            let first = try #require(Day("\(month)-01"))
            #expect(Month(of: first.start(at: .utc), at: .utc) == month)
            #expect(month.firstDay == first && Month("\(month)") == month)
            #expect(month.days.upperBound.next == month.adding(months: 1).firstDay)
        }
    }

    @Test("a month is from midnight to midnight at its offset, and its text is read back")
    func spans() throws {
        let offset = try #require(UTCOffset(minutes: 8 * 60))
        let month = try #require(Month("2026-11"))
        let span = month.span(at: offset)
        #expect("\(span.lowerBound)" == "2026-10-31T16:00:00Z")
        #expect("\(span.upperBound)" == "2026-11-30T16:00:00Z")
        #expect("\(month.days.lowerBound) \(month.days.upperBound)" == "2026-11-01 2026-11-30")
        #expect(
            Month("2024-02")?.days.upperBound.description == "2024-02-29"
                && Month("0000-01")?.firstDay != nil)
        for text in [
            "2026-00", "2026-13", "2026-1", "26-11", "2026-11-01", "9999-01", "", "2026/11",
        ] {
            #expect(Month(text) == nil, "\(text)")
        }
    }
}
