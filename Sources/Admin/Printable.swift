import Ledger

extension String {
    /// Without control characters, which could end a line, speak to a terminal or turn the text around:
    /// `\u{1b}` stands for each. What is stored, or what clients call themselves, may hold anything.
    ///
    /// - Parameter lineFeeds: whether those stay.
    public func printable(keeping lineFeeds: Bool = false) -> String {
        replacingControls(keeping: lineFeeds) { "\\u{\(String($0.value, radix: 16))}" }
    }

    /// The same for JSON text, where a control character is part of a string: an escape stands for it.
    public var printableJSON: String {
        replacingControls(keeping: true) { scalar in
            let digits = String(scalar.value, radix: 16)
            return "\\u" + String(repeating: "0", count: 4 - digits.utf8.count) + digits
        }
    }

    /// Unicode's line and paragraph separators, marks of the writing's direction, and what has no width and no
    /// part in a script's spelling.
    private static let misleading: [ClosedRange<Unicode.Scalar>] = [
        "\u{61C}"..."\u{61C}", "\u{200B}"..."\u{200B}", "\u{200E}"..."\u{200F}",
        "\u{2028}"..."\u{202E}", "\u{2060}"..."\u{2069}", "\u{FEFF}"..."\u{FEFF}",
    ]

    private func replacingControls(
        keeping lineFeeds: Bool,
        _ replacement: (Unicode.Scalar) -> String
    ) -> String {
        func stays(_ scalar: Unicode.Scalar) -> Bool {
            DisplayName.allows(scalar) && !Self.misleading.contains { $0.contains(scalar) }
                || lineFeeds && scalar == "\n"
        }
        if unicodeScalars.allSatisfy(stays) { return self }
        var text = ""
        for scalar in unicodeScalars {
            if stays(scalar) {
                text.unicodeScalars.append(scalar)
            } else {
                text += replacement(scalar)
            }
        }
        return text
    }
}
