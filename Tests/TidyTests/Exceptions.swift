/// The places where something that is otherwise forbidden is allowed, each with its reason.
enum Exceptions {
    struct Word: Sendable {
        let path: String
        let word: String
        let reason: String
    }

    static let words: [Word] = []

    static func allows(_ word: String, in path: String) -> Bool {
        words.contains { $0.word == word && $0.path == path }
    }

    /// A `switch` that names some cases and takes the rest together.
    struct PartialSwitch: Sendable {
        let path: String

        /// The line that it begins with.
        let head: String
        let reason: String
    }

    static let partialSwitches: [PartialSwitch] = [
        PartialSwitch(
            path: "Sources/Admin/HTTP/CSV.swift",
            head: "switch bytes[position] {",
            reason: "bytes, by names of ours"
        ),
        PartialSwitch(
            path: "Sources/Admin/HTTP/CSV.swift",
            head: "switch bytes[end] {",
            reason: "bytes, by names of ours"
        ),
        PartialSwitch(
            path: "Sources/Admin/HTTP/CSV.swift",
            head: "switch byte {",
            reason: "bytes, by names of ours"
        ),
        PartialSwitch(
            path: "Sources/Admin/HTTP/Problem.swift",
            head: "switch status {",
            reason: "HTTP's statuses are a structure of swift-http-types"
        ),
        PartialSwitch(
            path: "Sources/tollgate/MQTTProbe.swift",
            head: "switch header.type {",
            reason: "the probe asks for two of sixteen packet types; any other is an error"
        ),
        PartialSwitch(
            path: "Sources/TLS/TLSError.swift",
            head: "switch self {",
            reason: "alerts are numbers that a peer sends: few of them have a meaning for people"
        ),
    ]

    /// How many partial switches a file had when the rule came. A file leaves this list with its last one, and
    /// none comes onto it.
    static let partialSwitchesLeft: [String: Int] = [:]
}
