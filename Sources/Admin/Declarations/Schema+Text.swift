import Ledger
import Time

extension Schema {
    /// Which texts are meant.
    struct Text: Equatable, Sendable {
        /// What JSON Schema calls a format.
        enum Format: String, Sendable {
            case time = "date-time"
            case day = "date"
            case email
        }

        /// Counted in Unicode scalars, as JSON Schema does.
        let lengths: ClosedRange<Int>
        let alphabet: Alphabet
        let format: Format?

        /// Of a text that has a reader of its own, which knows better: a regular expression for
        /// whoever writes one.
        let form: String?

        init(lengths: ClosedRange<Int>, alphabet: Alphabet) {
            self.lengths = lengths
            self.alphabet = alphabet
            format = nil
            form = nil
        }

        init(format: Format, lengths: ClosedRange<Int> = 0...Int.max) {
            self.lengths = lengths
            alphabet = .anything
            self.format = format
            form = nil
        }

        init(form: String, lengths: ClosedRange<Int>) {
            self.lengths = lengths
            alphabet = .anything
            format = nil
            self.form = form
        }

        func allows(_ text: String) -> Bool {
            switch format {
            case .time: Timestamp(text) != nil
            case .day: Day(text) != nil
            case .email: EmailAddress(text) != nil
            case nil:
                lengths.contains(text.unicodeScalars.count)
                    && text.unicodeScalars.allSatisfy(alphabet.contains)
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
            case .email: return "an e-mail address like ann@example.org"
            case nil: break
            }
            if lengths == 0...Int.max, alphabet == .anything { return "a text" }
            return "\(Schema.rule(of: lengths)) of \(alphabet.rule)"
        }

        /// A regular expression (ECMA-262); `nil` when the format says all, or any text will do.
        var pattern: String? {
            if format == .email { return Self.emailPattern }
            if let form { return form }
            guard format == nil, alphabet != .anything else { return nil }
            let upper = lengths.upperBound == Int.max ? "" : String(lengths.upperBound)
            return "^[\(alphabet.characterClass)]{\(lengths.lowerBound),\(upper)}$"
        }
    }

    /// A range of lengths or counts, for people.
    static func rule(of range: ClosedRange<Int>) -> String {
        if range.upperBound == Int.max { return "\(range.lowerBound) or more" }
        return range.lowerBound == range.upperBound
            ? "\(range.lowerBound)" : "\(range.lowerBound) to \(range.upperBound)"
    }
}
