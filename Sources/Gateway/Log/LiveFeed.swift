import Synchronization

/// Events that somebody follows live: those who see them put them in, one reader takes them out. No one waits; what a
/// slow reader leaves no room for is dropped and counted.
final class LiveFeed<Event: Sendable>: Sendable {
    /// One for each writer, as a ring has one.
    private let rings: [BoundedRing<Event>]
    private let over = Atomic<Bool>(false)

    /// At other nodes.
    private let droppedElsewhere = Atomic<Int>(0)

    /// - Parameters:
    ///   - writers: how many there are, above 0.
    ///   - capacity: events of each writer that wait for the reader; a power of two.
    init(writers: Int, capacity: Int) {
        precondition(writers > 0, "somebody writes")
        rings = (0..<writers).map { _ in BoundedRing(capacity: capacity) }
    }

    /// The next event; `nil` when there is none yet. Those of one writer are in order.
    func next() -> Event? {
        for ring in rings {
            if let event = ring.next() { return event }
        }
        return nil
    }

    func append(_ event: Event, by writer: Int) { rings[writer].append(event) }

    /// How many events were dropped since the start.
    var dropped: Int {
        rings.reduce(droppedElsewhere.load(ordering: .relaxed)) { $0 + Int($1.dropped) }
    }

    /// Another node had no room for so many.
    func noteDropped(_ count: UInt64) {
        droppedElsewhere.add(Int(clamping: count), ordering: .relaxed)
    }

    /// The gateway has stopped: what is left can be read, and nothing more comes.
    var isOver: Bool { over.load(ordering: .acquiring) }

    func finish() { over.store(true, ordering: .releasing) }
}

/// What a feed that is followed is of: a device's trace, or the presence of a product's devices.
protocol Followed: AnyObject, Sendable {
    associatedtype Event: Sendable
    var feed: LiveFeed<Event> { get }
}
