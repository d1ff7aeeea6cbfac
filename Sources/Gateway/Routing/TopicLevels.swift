/// The levels of a topic name or filter, between the slashes; an empty level is a level.
struct TopicLevels: ~Escapable {
    private let topic: Span<UInt8>
    private var offset = 0

    @_lifetime(copy topic)
    init(_ topic: Span<UInt8>) { self.topic = topic }

    @_lifetime(copy self)
    @_lifetime(self: copy self)
    mutating func next() -> Span<UInt8>? {
        guard offset <= topic.count else { return nil }
        var end = offset
        while end < topic.count, topic[end] != UInt8(ascii: "/") { end += 1 }
        defer { offset = end + 1 }
        return topic.extracting(offset..<end)
    }
}
