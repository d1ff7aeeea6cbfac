/// Which rules of the catalogue's page of rules a text names: `A1` to `E3`.
enum RuleNames {
    /// All that a text names, as a test's name does: by themselves, in lists, and in ranges (`B1 to B3`).
    static func named(in text: some StringProtocol) -> Set<String> {
        collect(text) { _ in true }
    }

    /// Those that follow the word "rule" or "rules", as in a comment.
    static func cited(in text: some StringProtocol) -> Set<String> {
        collect(text) { ["rule", "rules", "Rule", "Rules"].contains($0) }
    }

    /// Reads words. A list of rules begins behind a word that `opens` it, and goes on over "and", "or" and "to".
    private static func collect(
        _ text: some StringProtocol,
        opens: (Substring) -> Bool
    ) -> Set<String> {
        var found: Set<String> = []
        var isOpen = false
        var last: String?
        var isRange = false
        for word in text.split(whereSeparator: { $0 == " " || $0 == "\n" }) {
            let bare = Substring(word).trimmed { $0.isLetter || $0.isNumber }
            if let rule = rule(bare) {
                if isOpen || opens("") {
                    found.insert(rule)
                    if isRange, let last { found.formUnion(between(last, rule)) }
                    last = rule
                }
            } else if bare == "to" {
                isRange = last != nil
                continue
            } else if !["and", "or"].contains(bare) {
                isOpen = opens(bare)
                last = nil
            }
            isRange = false
        }
        return found
    }

    /// `C10`, and `C10's` too.
    private static func rule(_ word: Substring) -> String? {
        guard let letter = word.first, "A"..."E" ~= letter else { return nil }
        let digits = word.dropFirst().prefix { "0"..."9" ~= $0 }
        let rest = word.dropFirst(1 + digits.count)
        guard (1...2).contains(digits.count), digits.first != "0", rest.isEmpty || rest == "'s"
        else {
            return nil
        }
        return String(letter) + digits
    }

    private static func between(_ first: String, _ last: String) -> [String] {
        guard let letter = first.first, last.first == letter, let low = Int(first.dropFirst()),
            let high = Int(last.dropFirst()), low < high
        else { return [] }
        return (low...high).map { "\(letter)\($0)" }
    }
}

extension Substring {
    /// Without the characters at both ends that are not wanted.
    fileprivate func trimmed(to isWanted: (Character) -> Bool) -> Substring {
        let head = drop { !isWanted($0) }
        guard let end = head.lastIndex(where: isWanted) else { return head }
        return head[...end]
    }
}
