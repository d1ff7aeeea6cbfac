/// The places where an otherwise forbidden word is allowed, each with its reason.
enum Exceptions {
    struct Entry: Sendable {
        let path: String
        let word: String
        let reason: String
    }

    static let entries: [Entry] = [
        Entry(
            path: "Sources/Storage/Environment.swift",
            word: "nonisolated(unsafe)",
            reason: "handles of C that are set once; LMDB lets all threads use the environment"
        ),
        Entry(
            path: "Sources/Storage/Semaphore.swift",
            word: "nonisolated(unsafe)",
            reason: "sem_t must not move, and may be used by all threads"
        ),
    ]

    static func allows(_ word: String, in path: String) -> Bool {
        entries.contains { $0.word == word && $0.path == path }
    }
}
