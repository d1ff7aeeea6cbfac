/// How many columns of a terminal text takes.
///
/// A character takes the width of its widest scalar: two columns of what Unicode calls wide (UAX #11: W and F) and of
/// emoji, none of marks that combine with what is before them, else one.
enum TextWidth {
    /// The blocks whose scalars are wide, in order. Emoji are not here: Unicode's property tells them.
    private static let wide: [ClosedRange<UInt32>] = [
        0x1100...0x115F, 0x2329...0x232A, 0x2E80...0x303E, 0x3041...0x4DBF, 0x4E00...0xA4CF,
        0xA960...0xA97F, 0xAC00...0xD7A3, 0xF900...0xFAFF, 0xFE10...0xFE19, 0xFE30...0xFE6F,
        0xFF01...0xFF60, 0xFFE0...0xFFE6, 0x16FE0...0x18DFF, 0x1AFF0...0x1B2FF, 0x1F200...0x1F265,
        0x20000...0x2FFFD, 0x30000...0x3FFFD,
    ]

    /// What combines with what is before it, or is not seen.
    private static let marks: Set<Unicode.GeneralCategory> = [
        .nonspacingMark, .enclosingMark, .format,
    ]

    static func columns(_ text: String) -> Int {
        if text.utf8.allSatisfy({ $0 < 0x80 }) { return text.utf8.count }
        return text.reduce(0) { $0 + columns($1) }
    }

    static func columns(_ character: Character) -> Int {
        character.unicodeScalars.map(columns).max() ?? 0
    }

    private static func columns(_ scalar: Unicode.Scalar) -> Int {
        if scalar.value < 0x300 { return 1 }
        if marks.contains(scalar.properties.generalCategory) { return 0 }
        if scalar.properties.isEmojiPresentation { return 2 }
        return isWide(scalar.value) ? 2 : 1
    }

    /// A binary search.
    private static func isWide(_ value: UInt32) -> Bool {
        var (low, high) = (0, wide.count)
        while low < high {
            let middle = (low + high) / 2
            if wide[middle].upperBound < value { low = middle + 1 } else { high = middle }
        }
        return low < wide.count && wide[low].contains(value)
    }

    /// The text, or as much of its beginning as leaves room for `…`, in at most so many columns.
    static func shortened(_ text: String, to maximum: Int) -> String {
        if columns(text) <= maximum { return text }
        var (shown, width) = ("", 1)
        for character in text {
            width += columns(character)
            guard width <= maximum else { break }
            shown.append(character)
        }
        return shown + "…"
    }

    /// The text with blanks up to `width` columns: behind it, or before it.
    static func padded(_ text: String, to width: Int, fromLeft isBefore: Bool = false) -> String {
        let blanks = String(repeating: " ", count: max(0, width - columns(text)))
        return isBefore ? blanks + text : text + blanks
    }
}
