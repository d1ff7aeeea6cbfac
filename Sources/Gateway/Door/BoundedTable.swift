/// A dictionary that has a limit: when it is full, an entry goes that nothing has happened to for about the
/// longest time (the CLOCK algorithm).
struct BoundedTable<Key: Hashable, Value> {
    private struct Entry {
        let key: Key
        var value: Value

        /// Something has happened since the hand came by.
        var isRecent = true
    }

    private let limit: Int
    private var entries: [Entry] = []
    private var places: [Key: Int] = [:]
    private var hand = 0

    init(limit: Int) {
        precondition(limit > 0, "a table has room")
        self.limit = limit
    }

    var count: Int { entries.count }

    /// The entry's value; `nil` when there is none (any more).
    func value(of key: Key) -> Value? {
        guard !entries.isEmpty else { return nil }
        return places[key].map { entries[$0].value }
    }

    /// Changes the entry's value, or `fresh` when there is none; answers what `change` does.
    mutating func update<Answer>(
        _ key: Key,
        orInsert fresh: @autoclosure () -> Value,
        _ change: (inout Value) -> Answer
    ) -> Answer {
        if let place = places[key] {
            entries[place].isRecent = true
            return change(&entries[place].value)
        }
        let place = makePlace()
        var value = fresh()
        let answer = change(&value)
        let entry = Entry(key: key, value: value)
        if place == entries.count {
            entries.append(entry)
        } else {
            places[entries[place].key] = nil
            entries[place] = entry
        }
        places[key] = place
        return answer
    }

    /// Where the next entry goes: behind the last, or where an old one is.
    private mutating func makePlace() -> Int {
        guard entries.count >= limit else { return entries.count }
        while entries[hand].isRecent {
            entries[hand].isRecent = false
            hand = (hand + 1) % limit
        }
        defer { hand = (hand + 1) % limit }
        return hand
    }
}
