public import Bytes

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
    @inline(__always)
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
    public static func levelCount(of bytes: Span<UInt8>) -> Int { 1 + bytes.count(of: 0x2F) }
}

/// What a subscription asks for (4.7), borrowed and valid, with the share it belongs to, if it
/// does (4.8.2).
@frozen
public struct TopicFilter: ~Escapable, BitwiseCopyable {
    /// All of it as it was sent, `$share/{group}/` before a shared subscription's filter.
    public let text: Span<UInt8>

    /// Bytes of the group's name after `$share/`, or -1.
    @usableFromInline let shareNameLength: Int

    /// Checks that `text` is a topic filter, or a shared subscription: well-formed UTF-8 without
    /// U+0000, wildcards where they can stand, at least one character. MQTT 3.1.1 clients may share
    /// subscriptions too.
    @inlinable
    @_lifetime(copy text)
    public init(_ text: Span<UInt8>) throws(DecodingError) {
        if let violation = UTF8Rules.violation(in: text) { throw DecodingError(violation, at: 0) }
        self.init(unchecked: text)
        if isShared {
            let end = 7 + shareNameLength
            if shareNameLength == 0 { throw DecodingError(.shareNameMissing, at: 7) }
            for index in 7..<end where text[index] == 0x2B || text[index] == 0x23 {
                throw DecodingError(.shareNameInvalid, at: index)
            }
            if end + 1 >= text.count { throw DecodingError(.shareNameInvalid, at: end) }
        }
        let filter = self.filter
        if filter.isEmpty { throw DecodingError(.topicFilterEmpty, at: 0) }
        if let (violation, index) = Self.misplacedWildcard(in: filter) {
            throw DecodingError(violation, at: text.count - filter.count + index)
        }
    }

    /// Takes a filter that was checked before.
    @inlinable
    @_lifetime(copy text)
    public init(unchecked text: Span<UInt8>) {
        self.text = text
        shareNameLength = Self.lengthOfShareName(text)
    }

    @inlinable
    public var isShared: Bool { shareNameLength >= 0 }

    /// The group that shares the subscription.
    @inlinable
    public var shareName: Span<UInt8>? {
        @_lifetime(copy self)
        get { isShared ? text.extracting(7..<7 + shareNameLength) : nil }
    }

    /// What topics are matched against: without `$share/{group}/`.
    @inlinable
    public var filter: Span<UInt8> {
        @_lifetime(copy self)
        get {
            let start = isShared ? Swift.min(8 + shareNameLength, text.count) : 0
            return text.extracting(start..<text.count)
        }
    }

    @inlinable
    public var hasWildcards: Bool {
        let filter = self.filter
        for index in filter.indices where filter[index] == 0x2B || filter[index] == 0x23 {
            return true
        }
        return false
    }

    /// Levels of `filter`, a wildcard being one.
    @inlinable
    public var levelCount: Int { TopicName.levelCount(of: filter) }

    /// Whether messages for `topic` are asked for.
    @inlinable
    public func matches(_ topic: Span<UInt8>) -> Bool { Self.matches(filter: filter, topic: topic) }

    /// Whether a valid filter, without `$share/{group}/`, matches a valid topic name (4.7.1): `+`
    /// one level, `#` what is left, the parent among it; a wildcard at the start does not match a
    /// topic that begins with `$` [MQTT-4.7.2-1].
    @inlinable
    public static func matches(filter: Span<UInt8>, topic: Span<UInt8>) -> Bool {
        var inFilter = 0
        var inTopic = 0
        if !topic.isEmpty, topic[0] == 0x24, !filter.isEmpty,
            filter[0] == 0x2B || filter[0] == 0x23
        {
            return false
        }
        while inFilter < filter.count {
            let byte = filter[inFilter]
            if byte == 0x23 { return true }
            if byte == 0x2B {
                while inTopic < topic.count && topic[inTopic] != 0x2F { inTopic += 1 }
                inFilter += 1
            } else if inTopic < topic.count && topic[inTopic] == byte {
                inTopic += 1
                inFilter += 1
            } else {
                break
            }
        }
        if inTopic < topic.count { return false }
        // `sport/#` also matches `sport` (4.7.1.2).
        let left = filter.count - inFilter
        return left == 0 || (left == 2 && filter[inFilter] == 0x2F && filter[inFilter + 1] == 0x23)
    }

    /// How long the group's name is after `$share/`, or -1 where that does not stand.
    @inlinable
    static func lengthOfShareName(_ text: Span<UInt8>) -> Int {
        guard text.count >= 7, text[0] == 0x24, text[1] == 0x73, text[2] == 0x68, text[3] == 0x61,
            text[4] == 0x72, text[5] == 0x65, text[6] == 0x2F
        else { return -1 }
        var end = 7
        while end < text.count && text[end] != 0x2F { end += 1 }
        return end - 7
    }

    @usableFromInline
    static func misplacedWildcard(in filter: Span<UInt8>) -> (Violation, at: Int)? {
        for index in filter.indices {
            let byte = filter[index]
            guard byte == 0x2B || byte == 0x23 else { continue }
            let begins = index == 0 || filter[index - 1] == 0x2F
            let isLast = index + 1 == filter.count
            if byte == 0x23 && !(begins && isLast) { return (.multiLevelWildcardMisplaced, index) }
            if byte == 0x2B && !(begins && (isLast || filter[index + 1] == 0x2F)) {
                return (.singleLevelWildcardMisplaced, index)
            }
        }
        return nil
    }
}
