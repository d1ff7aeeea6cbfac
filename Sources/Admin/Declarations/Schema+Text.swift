import Ledger
import Time

extension Schema {
    /// Which texts are meant.
    struct Text: Equatable, Sendable {
        /// What JSON Schema calls a format.
        enum Format: String, Sendable {
            case time = "date-time"
            case day = "date"

            /// As what is asked for: a time, or a day for its first instant.
            case timeOrDay = "date-time or date"
            case email
        }

        /// Counted in Unicode scalars, as JSON Schema does.
        var lengths = 0...Int.max
        var alphabet = Alphabet.anything
        var format: Format?

        /// Of a text with a parser of its own, which decides: a regular expression for the document.
        var form: String?

        /// That parser, where it refuses some of what lengths and alphabet allow and nothing else says so better.
        var parser: Parser?

        /// One that is meant, for the document; of every text with a parser of its own.
        var example: String?

        func allows(_ text: String) -> Bool {
            switch format {
            case .time: Timestamp(text) != nil
            case .day: Day(text) != nil
            case .timeOrDay: Timestamp(timeOrDay: text) != nil
            case .email: EmailAddress(text) != nil
            case nil:
                lengths.contains(text.unicodeScalars.count)
                    && text.unicodeScalars.allSatisfy(alphabet.contains)
                    && parser?.takes(text) ?? true
            }
        }

        /// What `EmailAddress` takes, but for lengths within and a last label that is a number.
        private static let emailPattern = {
            let atom = #"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"#
            let label = "[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?"
            return #"^\#(atom)(\.\#(atom))*@(\#(label)\.)+\#(label)$"#
        }()

        /// For people: `1 to 64 of A-Z a-z 0-9 _`.
        var rule: String {
            switch format {
            case .time: return "a time like 2026-11-21T08:00:00Z"
            case .day: return "a day like 2026-11-21"
            case .timeOrDay: return "a time like 2026-11-21T08:00:00Z, or a day like 2026-11-21"
            case .email: return "an e-mail address like ann@example.org"
            case nil: break
            }
            let rule =
                lengths == 0...Int.max && alphabet == .anything
                ? "a text" : "\(Schema.rule(of: lengths)) of \(alphabet.rule)"
            // What a parser asks for besides, an example says best.
            guard parser != nil, let example else { return rule }
            return "\(rule), like \(example)"
        }

        /// The most that a pattern counts.
        private static let countedMaximum = 65_535

        /// A regular expression (ECMA-262); `nil` when the format says all, or any text will do.
        var pattern: String? {
            if format == .email { return Self.emailPattern }
            if let form { return form }
            guard format == nil, alphabet != .anything else { return nil }
            // Of a long text `maxLength` alone says it: readers of patterns do not count so far.
            let upper =
                lengths.upperBound > Self.countedMaximum ? "" : String(lengths.upperBound)
            return "^[\(alphabet.characterClass)]{\(lengths.lowerBound),\(upper)}$"
        }
    }

    /// Reads a text as a value of a type; of one type there is one.
    struct Parser: Equatable, Sendable {
        private let type: String

        /// Whether a text is such a value.
        let takes: @Sendable (String) -> Bool

        init<Value>(_ parse: @escaping @Sendable (String) -> Value?) {
            type = "\(Value.self)"
            takes = { parse($0) != nil }
        }

        static func == (one: Parser, other: Parser) -> Bool { one.type == other.type }
    }

    /// A range of lengths or counts, for people.
    static func rule(of range: ClosedRange<Int>) -> String {
        if range.upperBound == Int.max { return "\(range.lowerBound) or more" }
        return range.lowerBound == range.upperBound
            ? "\(range.lowerBound)" : "\(range.lowerBound) to \(range.upperBound)"
    }
}

extension Timestamp {
    /// A time, or a day for its first instant (UTC); `nil` when the text is neither.
    init?(timeOrDay text: String) {
        guard let time = Timestamp(text) ?? Timestamp("\(text)T00:00:00Z") else { return nil }
        self = time
    }
}

/// A set of characters: those of some ranges, or all but those.
struct Alphabet: Equatable, Sendable {
    private let ranges: [ClosedRange<Unicode.Scalar>]
    private var isInverted = false

    /// What is said of a set where a list of its ranges would say less.
    enum Summary: String {
        case anything = "any characters"
        case printable = "any characters but control characters"
        case topic = "any characters but control characters, + and #"
        case visible = "visible ASCII characters"
        case lines = "visible ASCII characters, blanks and line ends"
    }

    private(set) var summary: Summary?

    static let anything = Alphabet(ranges: [], isInverted: true, summary: .anything)

    /// All but control characters (Unicode's category Cc).
    static let printable = Alphabet(
        ranges: DisplayName.controls, isInverted: true, summary: .printable)

    /// Of a topic name: printable, and no wildcard.
    static let topic = Alphabet(
        ranges: ["\u{0}"..."\u{1F}", "#"..."#", "+"..."+", "\u{7F}"..."\u{9F}"],
        isInverted: true, summary: .topic)

    static let visible = Alphabet(ranges: ["!"..."~"], summary: .visible)

    /// Of text in lines, as PEM is.
    static let lines = Alphabet(
        ranges: ["\t"..."\n", "\r"..."\r", " "..."~"], summary: .lines)
    static let digits = Alphabet(ranges: ["0"..."9"])
    static let hexadecimal = Alphabet(ranges: ["0"..."9", "a"..."f"])

    /// The ASCII characters that a type of names allows.
    static func bytes(where isAllowed: (UInt8) -> Bool) -> Alphabet {
        var ranges: [ClosedRange<Unicode.Scalar>] = []
        for byte in (0 as UInt8)..<128 where isAllowed(byte) {
            let scalar = Unicode.Scalar(byte)
            let run = runs.first { $0.contains(scalar) }
            if let run, let last = ranges.last, run.contains(last.upperBound),
                last.upperBound.value + 1 == scalar.value
            {
                ranges[ranges.count - 1] = last.lowerBound...scalar
            } else {
                ranges.append(scalar...scalar)
            }
        }
        return Alphabet(ranges: ranges)
    }

    /// What people write as ranges, in the order they do.
    private static let runs: [ClosedRange<Unicode.Scalar>] = ["A"..."Z", "a"..."z", "0"..."9"]

    func contains(_ scalar: Unicode.Scalar) -> Bool {
        ranges.contains { $0.contains(scalar) } != isInverted
    }

    /// `A-Z a-z 0-9 _`
    var rule: String { summary?.rawValue ?? sorted.map(Self.text).joined(separator: " ") }

    /// What stands between `[` and `]` in a regular expression.
    var characterClass: String { (isInverted ? "^" : "") + sorted.map(Self.escaped).joined() }

    /// Letters and digits first; `-`, which would mean a range elsewhere, last.
    private var sorted: [ClosedRange<Unicode.Scalar>] {
        func rank(_ range: ClosedRange<Unicode.Scalar>) -> (Int, UInt32) {
            let first = range.lowerBound
            let run = Self.runs.firstIndex { $0.contains(first) } ?? Self.runs.count
            return (first == "-" ? Int.max : run, first.value)
        }
        return ranges.sorted { rank($0) < rank($1) }
    }

    private static func text(_ range: ClosedRange<Unicode.Scalar>) -> String {
        range.count > 1 ? "\(range.lowerBound)-\(range.upperBound)" : "\(range.lowerBound)"
    }

    private static func escaped(_ range: ClosedRange<Unicode.Scalar>) -> String {
        guard range.count > 1 else { return escaped(range.lowerBound) }
        return "\(escaped(range.lowerBound))-\(escaped(range.upperBound))"
    }

    private static func escaped(_ scalar: Unicode.Scalar) -> String {
        if (0x20...0x7E).contains(scalar.value) {
            return "\\]^".unicodeScalars.contains(scalar) ? "\\\(scalar)" : "\(scalar)"
        }
        let digits = String(scalar.value, radix: 16, uppercase: true)
        return "\\u" + String(repeating: "0", count: 4 - digits.utf8.count) + digits
    }
}

extension ClosedRange<Unicode.Scalar> {
    fileprivate var count: Int { Int(upperBound.value - lowerBound.value) + 1 }
}
