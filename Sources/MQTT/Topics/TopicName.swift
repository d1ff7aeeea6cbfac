/// The rules for the topic a message is published to (4.7).
public enum TopicName {
    /// The rule that `bytes` break as a topic name, or nil: well-formed UTF-8 without U+0000, no
    /// wildcard, at least one character.
    @inlinable
    public static func violation(in bytes: Span<UInt8>) -> Violation? {
        if bytes.isEmpty { return .topicNameEmpty }
        return violationUnlessEmpty(in: bytes)
    }

    /// The same for the topic of a PUBLISH, which may be empty when a topic alias stands for it.
    @inlinable
    static func violationUnlessEmpty(in bytes: Span<UInt8>) -> Violation? {
        if UTF8Rules.isPlainASCII(bytes, forbiddingWildcards: true) { return nil }
        return violationCharacterwise(in: bytes)
    }

    @usableFromInline
    static func violationCharacterwise(in bytes: Span<UInt8>) -> Violation? {
        if let violation = UTF8Rules.violation(in: bytes) { return violation }
        for index in bytes.indices where bytes[index] == 0x2B || bytes[index] == 0x23 {
            return .topicNameWildcard
        }
        return nil
    }

    /// How many levels a topic name or filter has (4.7.1.1): one more than it has slashes.
    @inlinable
    public static func levelCount(of bytes: Span<UInt8>) -> Int {
        var count = 1
        for index in bytes.indices where bytes[index] == 0x2F { count += 1 }
        return count
    }
}
