/// The places where an otherwise forbidden word is allowed, each with its reason.
enum Exceptions {
    struct Entry: Sendable {
        let path: String
        let word: String
        let reason: String
    }

    static let entries: [Entry] = []

    static func allows(_ word: String, in path: String) -> Bool {
        entries.contains { $0.word == word && $0.path == path }
    }
}
