/// A calendar month at a fixed UTC offset, as the number of months since January 1970 (rule D2).
public struct Month: Hashable, Comparable, Sendable {
    public let number: Int32

    public init(number: Int32) { self.number = number }

    /// The month that `time` falls in at `offset`.
    public init(of time: Timestamp, at offset: UTCOffset) {
        let date = CivilDate(dayNumber: Int(Day(of: time, at: offset).number))
        number = Int32((date.year - 1_970) * 12 + date.month - 1)
    }

    public static func < (left: Self, right: Self) -> Bool { left.number < right.number }

    /// The month that comes `months` later; before, when that is negative.
    public func adding(months: Int32) -> Month { Month(number: number + months) }

    /// Its first day.
    public var firstDay: Day {
        let (number, year) = (Int(number), 1_970)
        let month = (number % 12 + 12) % 12
        let date = CivilDate(year: year + (number - month) / 12, month: month + 1, day: 1)
        guard let day = date.dayNumber else {
            preconditionFailure("months are of the years 0 to 9999")
        }
        return Day(number: Int32(day))
    }

    /// All of its days.
    public var days: ClosedRange<Day> { firstDay...adding(months: 1).firstDay.adding(days: -1) }

    /// From its first instant at `offset` to the first one of the next month.
    public func span(at offset: UTCOffset) -> Range<Timestamp> {
        firstDay.start(at: offset)..<adding(months: 1).firstDay.start(at: offset)
    }
}

extension Month: CustomStringConvertible {
    /// `2026-11`.
    public var description: String {
        let (number, year) = (Int(number), 1_970)
        let month = number >= 0 ? number % 12 : (number % 12 + 12) % 12
        let text = CivilDate(year: year + (number - month) / 12, month: month + 1, day: 1).text
        return String(text.dropLast(3))
    }

    /// Reads `2026-11`, of the years 0 to 9998; `nil` for anything else.
    public init?(_ text: String) {
        guard text.utf8.count == 7, let day = Day("\(text)-01"), !text.hasPrefix("9999") else {
            return nil
        }
        self.init(of: day.start(at: .utc), at: .utc)
    }
}
