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
}

extension Month: CustomStringConvertible {
    /// `2026-11`.
    public var description: String {
        let (number, year) = (Int(number), 1_970)
        let month = number >= 0 ? number % 12 : (number % 12 + 12) % 12
        let text = CivilDate(year: year + (number - month) / 12, month: month + 1, day: 1).text
        return String(text.dropLast(3))
    }
}
