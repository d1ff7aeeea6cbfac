import Bytes
package import Ledger

/// The topics of a product's own that its devices use, ready to be matched: made once of what the books have, and looked
/// into in place, without an allocation.
struct TopicClasses: Sendable {
    /// What devices publish to, and what they subscribe to.
    let up: PatternSet
    let down: PatternSet

    /// What they were made of.
    let topics: DeviceTopics

    init(_ topics: DeviceTopics) {
        self.topics = topics
        up = PatternSet(topics.up)
        down = PatternSet(topics.down)
    }
}

/// Patterns in order, so that those that begin alike stand together. What one of them has read of a topic the next one
/// need not read again: a topic is read about once, however many patterns there are.
package struct PatternSet: Sendable {
    /// Where a pattern lies in `program`, and how many bytes it begins with as the one before it.
    private struct Place {
        let start: UInt16
        let count: UInt16
        let shared: UInt16
    }

    private let program: [UInt8]
    private let places: [Place]

    /// Whether one of them has `${clientId}` in it.
    package let namesClient: Bool

    package init(_ patterns: [TopicPattern]) {
        var program: [UInt8] = []
        var places: [Place] = []
        var before: [UInt8] = []
        for pattern in Set(patterns.map(\.program)).sorted(by: { $0.lexicographicallyPrecedes($1) })
        {
            let shared = zip(before, pattern).prefix { $0.0 == $0.1 }.count
            // 32 patterns of 256 bytes are 8,192.
            places.append(
                Place(
                    start: UInt16(program.count), count: UInt16(pattern.count),
                    shared: UInt16(shared)))
            program.append(contentsOf: pattern)
            before = pattern
        }
        self.program = program
        self.places = places
        namesClient = program.contains(TopicPattern.clientByte)
    }

    /// Whether one of them covers `topic` for a device. `topic` is a name, or a filter: a wildcard of it is covered by a
    /// wildcard that takes at least as much. Topics that begin with `$` or `d/` are none of a device's own.
    ///
    /// - Parameter client: what `${clientId}` stands for; empty: for nothing. `nil`: for any name, as the topic has been
    ///   looked at when its client was known.
    package func covers(
        _ topic: Span<UInt8>, product: Span<UInt8>, device: Span<UInt8>, client: Span<UInt8>?
    ) -> Bool {
        guard !topic.isEmpty, topic[0] != UInt8(ascii: "$"), !topic.hasPrefix("d/") else {
            return false
        }
        let program = program.span
        let places = places.span
        // Where the pattern before has failed: so far in itself, and so far in the topic.
        var failed = 0
        var failedAt = 0
        for index in places.indices {
            let place = places[index]
            let shared = index == 0 ? 0 : Int(place.shared)
            // It fails at the same byte, but where the topic has ended: `a/#` takes `a`, and `a/b` does not.
            if index > 0, shared > failed, failedAt < topic.count { continue }
            let goesOn = shared >= failed
            var position = goesOn ? failed : 0
            var at = goesOn ? failedAt : 0
            let pattern = program.extracting(Int(place.start)..<Int(place.start + place.count))
            if Self.run(
                pattern, &position, topic, &at, product: product, device: device, client: client)
            {
                return true
            }
            failed = position
            failedAt = at
        }
        return false
    }

    /// Goes on from `position` of the pattern and `at` of the topic; stops where they differ.
    @inline(__always)
    private static func run(
        _ pattern: Span<UInt8>, _ position: inout Int, _ topic: Span<UInt8>, _ at: inout Int,
        product: Span<UInt8>, device: Span<UInt8>, client: Span<UInt8>?
    ) -> Bool {
        while position < pattern.count {
            switch pattern[position] {
            case UInt8(ascii: "#"): return true
            case UInt8(ascii: "+"):
                if at < topic.count, topic[at] == UInt8(ascii: "#") { return false }
                while at < topic.count, topic[at] != UInt8(ascii: "/") { at += 1 }
            case TopicPattern.productByte:
                guard topic.holds(product, at: at) else { return false }
                at += product.count
            case TopicPattern.deviceByte:
                guard topic.holds(device, at: at) else { return false }
                at += device.count
            case TopicPattern.clientByte:
                // Alone in its level, as a + is: what follows in the pattern says where the level ends.
                if let client {
                    guard !client.isEmpty, topic.holds(client, at: at) else { return false }
                    at += client.count
                } else {
                    let length = topic.nameLength(at: at)
                    guard length > 0 else { return false }
                    at += length
                }
            case let byte:
                guard at < topic.count, topic[at] == byte else {
                    // `sport/#` takes `sport`, too (4.7.1.2).
                    return at == topic.count && byte == UInt8(ascii: "/")
                        && position + 2 == pattern.count
                        && pattern[position + 1] == UInt8(ascii: "#")
                }
                at += 1
            }
            position += 1
        }
        return at == topic.count
    }
}

extension Span<UInt8> {
    /// Bytes of the level that begins at `start`; 0 of a wildcard's.
    fileprivate func nameLength(at start: Int) -> Int {
        var end = start
        while end < count, self[end] != UInt8(ascii: "/") {
            if self[end] == UInt8(ascii: "+") || self[end] == UInt8(ascii: "#") { return 0 }
            end += 1
        }
        return end - start
    }

    /// Whether `other` stands in these bytes from `start` on.
    @inline(__always)
    fileprivate func holds(_ other: Span<UInt8>, at start: Int) -> Bool {
        guard count - start >= other.count else { return false }
        for index in other.indices where self[start + index] != other[index] { return false }
        return true
    }
}
