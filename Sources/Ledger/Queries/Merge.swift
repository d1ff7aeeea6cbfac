/// Several ordered lists as one: holds the head of each.
struct Merge<Source, Position, Value> {
    struct Head {
        let source: Source
        let position: Position
        let value: Value
    }

    private let precedes: (Position, Position) -> Bool

    /// The first one last.
    private var heads: [Head] = []

    /// - Parameter precedes: the order that all lists have, and the whole has.
    init(orderedBy precedes: @escaping (Position, Position) -> Bool) {
        self.precedes = precedes
    }

    /// Adds the head of a list: of one that has none here.
    mutating func add(_ head: Head) {
        var (low, high) = (0, heads.count)
        while low < high {
            let middle = (low + high) / 2
            if precedes(head.position, heads[middle].position) {
                low = middle + 1
            } else {
                high = middle
            }
        }
        heads.insert(head, at: low)
    }

    /// The first of all; its list's next head is to be added.
    var first: Head? { heads.last }

    mutating func removeFirst() { heads.removeLast() }
}
