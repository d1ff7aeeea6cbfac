import Bytes
import MQTT

/// Which topics a listener without authentication is open for: those that an allowed pattern covers and
/// no denied one. Patterns are topic filters.
struct TopicPatterns: Sendable {
    private let allowed: [[UInt8]]
    private let denied: [[UInt8]]

    /// Each a list of patterns with spaces between them.
    init(allowed: String, denied: String) {
        self.allowed = Self.patterns(allowed)
        self.denied = Self.patterns(denied)
    }

    /// The patterns of a list.
    static func patterns(_ list: String) -> [[UInt8]] {
        list.split(separator: " ").map { Array($0.utf8) }
    }

    /// Whether a message may be published to a topic. To one that begins with `$` too: 4.7.2 leaves that to
    /// the server, and conformance suites try it. No application's rights reach such topics.
    func allowsPublish(_ topic: Span<UInt8>) -> Bool { allows(topic) }

    /// Whether a filter may be subscribed to. A pattern covers it when it covers all that it matches; a
    /// filter that is wider than a denied pattern is not denied.
    func allowsSubscribe(_ filter: Span<UInt8>) -> Bool { allows(filter) }

    /// A wildcard of `text` is a level like any other, that `+` and `#` cover.
    private func allows(_ text: Span<UInt8>) -> Bool {
        for pattern in denied where Self.covers(pattern.span, text) { return false }
        for pattern in allowed where Self.covers(pattern.span, text) { return true }
        return false
    }

    private static func covers(_ pattern: Span<UInt8>, _ text: Span<UInt8>) -> Bool {
        pattern.isSingleByte(UInt8(ascii: "#")) || TopicFilter.matches(filter: pattern, topic: text)
    }
}
