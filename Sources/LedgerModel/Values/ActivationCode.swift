/// One activation code, named by its serial number in the books (rule A9).
///
/// Codes are not stored one by one: a batch holds its first serial and how many there are. Printed,
/// a code is its serial as 13 digits of Crockford's base 32 (5 bits each, so that all of a `UInt64`
/// fits) and a check character of ISO 7064 MOD 37,36 over `[0-9A-Z]`, which finds every single wrong
/// character and nearly every swap of two neighbours: `0000-0000-0002-AO`.
public struct ActivationCode: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// Counted over the whole installation; the first code ever bought is 1.
    public let serial: UInt64

    public init(serial: UInt64) { self.serial = serial }

    /// Reads a printed code. Hyphens may be missing, small letters are taken for capitals, and in the
    /// digits `O` for `0` and `I` and `L` for `1`, as Crockford's alphabet lacks them; `nil` when the
    /// text is no code or its check character is wrong.
    public init?(_ text: String) {
        var values: [UInt8] = []
        for byte in text.utf8 where byte != UInt8(ascii: "-") {
            guard values.count < Self.digitCount + 1, let value = Self.alphanumericValue(of: byte)
            else { return nil }
            values.append(values.count < Self.digitCount ? Self.unconfused(value) : value)
        }
        guard values.count == Self.digitCount + 1, let check = values.popLast() else { return nil }
        var serial: UInt64 = 0
        for value in values {
            guard let digit = Self.alphabet.firstIndex(of: value),
                !serial.multipliedReportingOverflow(by: 32).overflow
            else { return nil }
            serial = serial << 5 | UInt64(digit)
        }
        guard Self.checkValue(of: values) == check else { return nil }
        self.serial = serial
    }

    public var description: String {
        var values: [UInt8] = []
        for position in (0..<Self.digitCount).reversed() {
            values.append(Self.alphabet[Int(truncatingIfNeeded: serial >> (5 * position) & 31)])
        }
        values.append(Self.checkValue(of: values))
        var text = ""
        for (position, value) in values.enumerated() {
            if position > 0, position % 4 == 0 { text.append("-") }
            text.append(Character(Unicode.Scalar(Self.character(of: value))))
        }
        return text
    }

    public static func < (left: Self, right: Self) -> Bool { left.serial < right.serial }

    private static let digitCount = 13

    /// Crockford's digits as alphanumeric values (0 to 9, then A = 10 to Z = 35): no I, L, O or U.
    private static let alphabet: [UInt8] = [
        0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 19, 20, 22, 23, 25, 26, 27,
        28,
        29, 31, 32, 33, 34, 35,
    ]

    private static func alphanumericValue(of byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): byte - UInt8(ascii: "A") + 10
        case UInt8(ascii: "a")...UInt8(ascii: "z"): byte - UInt8(ascii: "a") + 10
        default: nil
        }
    }

    private static func character(of value: UInt8) -> UInt8 {
        value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "A") + value - 10
    }

    /// `O` is read as 0, `I` and `L` as 1.
    private static func unconfused(_ value: UInt8) -> UInt8 {
        switch value {
        case 24: 0
        case 18, 21: 1
        default: value
        }
    }

    /// ISO 7064, hybrid system MOD 37,36: the value that makes the product's chain end at 1.
    static func checkValue(of values: [UInt8]) -> UInt8 {
        var product = 36
        for value in values {
            var sum = (product + Int(value)) % 36
            if sum == 0 { sum = 36 }
            product = sum * 2 % 37
        }
        return UInt8((37 - product) % 36)
    }
}

/// How a batch of codes came to an account.
public enum CodeSource: UInt8, RecordField, Hashable, Sendable, CaseIterable {
    /// Bought with a package (rule A2).
    case purchase = 1

    /// Given for free by the policy (rule A7).
    case grant = 2

    /// Its name in the API.
    public var name: String {
        switch self {
        case .purchase: "purchase"
        case .grant: "grant"
        }
    }
}
