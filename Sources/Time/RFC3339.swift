/// Text in the profile of RFC 3339 that the API and the wire use: `2026-11-21T08:15:30.250Z` for a
/// timestamp (always UTC; the fraction only when it is not zero) and `2026-11-21` for a day.
///
/// The calendar arithmetic is Howard Hinnant's `days_from_civil` and its inverse
/// (http://howardhinnant.github.io/date_algorithms.html), exact for every year of RFC 3339.
struct CivilDate {
    let year: Int
    let month: Int
    let day: Int

    init(year: Int, month: Int, day: Int) {
        self.year = year
        self.month = month
        self.day = day
    }

    init(dayNumber: Int) {
        let shifted = dayNumber + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra =
            (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthFromMarch = (5 * dayOfYear + 2) / 153
        day = dayOfYear - (153 * monthFromMarch + 2) / 5 + 1
        month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
        year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
    }

    /// Days since 1970-01-01, or `nil` when there is no such date.
    var dayNumber: Int? {
        guard (0...9_999).contains(year), (1...12).contains(month), day >= 1 else { return nil }
        let marchYear = month <= 2 ? year - 1 : year
        let era = (marchYear >= 0 ? marchYear : marchYear - 399) / 400
        let yearOfEra = marchYear - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        let number = era * 146_097 + dayOfEra - 719_468
        let back = CivilDate(dayNumber: number)
        return back.month == month && back.day == day ? number : nil
    }

    var text: String { "\(padded(year, 4))-\(padded(month, 2))-\(padded(day, 2))" }
}

extension Day: CustomStringConvertible {
    /// `2026-11-21`.
    public var description: String { CivilDate(dayNumber: Int(number)).text }

    /// Reads `2026-11-21`; `nil` for anything else, and for dates that do not exist.
    public init?(_ text: String) {
        var parser = DigitParser(text)
        guard let date = parser.date(), parser.isAtEnd, let number = date.dayNumber else {
            return nil
        }
        self.init(number: Int32(number))
    }
}

extension Timestamp: CustomStringConvertible {
    /// `2026-11-21T08:15:30Z`, with `.250` before the `Z` when there are milliseconds. RFC 3339 has the
    /// years 0 to 9999 only; other times, which can only be damaged ones, are `-62167219200001 ms`.
    public var description: String {
        guard (-62_167_219_200_000..<253_402_300_800_000).contains(milliseconds) else {
            return "\(milliseconds) ms"
        }
        let day = Day(of: self, at: .utc)
        let rest = Int(milliseconds(since: day.start(at: .utc)))
        let (seconds, fraction) = (rest / 1_000, rest % 1_000)
        let clock = [seconds / 3_600, seconds / 60 % 60, seconds % 60]
            .map { padded($0, 2) }
            .joined(separator: ":")
        return "\(day)T\(clock)\(fraction == 0 ? "" : "." + padded(fraction, 3))Z"
    }

    /// Reads a date and time with `Z` or a numeric offset; digits past the millisecond are dropped.
    /// `nil` for anything that is not RFC 3339 (a leap second is not accepted).
    public init?(_ text: String) {
        var parser = DigitParser(text)
        guard let date = parser.date(), let dayNumber = date.dayNumber,
            parser.skip("T") || parser.skip("t"), let time = parser.time(),
            let offsetMinutes = parser.offsetMinutes(), parser.isAtEnd
        else { return nil }
        self.init(
            milliseconds: Int64(dayNumber) * 86_400_000 + Int64(time)
                - Int64(offsetMinutes) * 60_000
        )
    }
}

/// Reads fixed-width decimal fields, one after the other.
private struct DigitParser {
    private let bytes: [UInt8]
    private var offset = 0

    init(_ text: String) { bytes = Array(text.utf8) }

    var isAtEnd: Bool { offset == bytes.count }

    mutating func skip(_ character: Unicode.Scalar) -> Bool {
        guard offset < bytes.count, UInt32(bytes[offset]) == character.value else { return false }
        offset += 1
        return true
    }

    mutating func number(digits: Int) -> Int? {
        guard offset + digits <= bytes.count else { return nil }
        var value = 0
        for byte in bytes[offset..<offset + digits] {
            guard (48...57).contains(byte) else { return nil }
            value = value * 10 + Int(byte - 48)
        }
        offset += digits
        return value
    }

    mutating func date() -> CivilDate? {
        guard let year = number(digits: 4), skip("-"), let month = number(digits: 2), skip("-"),
            let day = number(digits: 2)
        else { return nil }
        return CivilDate(year: year, month: month, day: day)
    }

    /// Milliseconds since midnight.
    mutating func time() -> Int? {
        guard let hour = number(digits: 2), skip(":"), let minute = number(digits: 2), skip(":"),
            let second = number(digits: 2), hour < 24, minute < 60, second < 60
        else { return nil }
        var milliseconds = 0
        if skip(".") {
            var scale = 100
            guard let first = number(digits: 1) else { return nil }
            milliseconds = first * scale
            while let digit = number(digits: 1) {
                scale /= 10
                milliseconds += digit * scale
            }
        }
        return ((hour * 60 + minute) * 60 + second) * 1_000 + milliseconds
    }

    mutating func offsetMinutes() -> Int? {
        if skip("Z") || skip("z") { return 0 }
        let sign: Int
        if skip("+") { sign = 1 } else if skip("-") { sign = -1 } else { return nil }
        guard let hours = number(digits: 2), skip(":"), let minutes = number(digits: 2),
            hours < 24, minutes < 60
        else { return nil }
        return sign * (hours * 60 + minutes)
    }
}

private func padded(_ value: Int, _ width: Int) -> String {
    let digits = String(value)
    return String(repeating: "0", count: max(0, width - digits.count)) + digits
}
