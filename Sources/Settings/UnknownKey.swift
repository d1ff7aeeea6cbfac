/// What to say about a key that there is none of.
enum UnknownKey {
    /// `there is no such key; did you mean limits.packetSizeBytes?`
    static func reason(_ key: String, among known: [String]) -> String {
        let limit = max(2, key.count / 4)
        let nearest =
            known
            .map { ($0.hasPrefix(key) ? 1 : distance(key, $0), $0) }
            .min { $0.0 < $1.0 }
        guard let (distance, name) = nearest, distance <= limit else {
            return "there is no such key"
        }
        return "there is no such key; did you mean \(name)?"
    }

    /// Levenshtein's distance: how many characters to insert, remove or replace.
    static func distance(_ first: String, _ second: String) -> Int {
        let second = Array(second.lowercased())
        var row = Array(0...second.count)
        for (line, character) in first.lowercased().enumerated() {
            var diagonal = row[0]
            row[0] = line + 1
            for (column, other) in second.enumerated() {
                let replaced = diagonal + (character == other ? 0 : 1)
                diagonal = row[column + 1]
                row[column + 1] = min(replaced, row[column] + 1, diagonal + 1)
            }
        }
        return row[second.count]
    }
}
