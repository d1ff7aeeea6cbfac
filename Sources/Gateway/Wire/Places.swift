/// Values, each in a numbered place; places are used again.
struct Places<Value> {
    private var values: [Value] = []
    private var free: [Int] = []

    mutating func insert(_ value: Value) -> Int {
        guard let place = free.popLast() else {
            values.append(value)
            return values.count - 1
        }
        values[place] = value
        return place
    }

    /// Gives the place free. Its value stays there until the next one comes.
    mutating func remove(_ place: Int) { free.append(place) }

    subscript(place: Int) -> Value {
        get { values[place] }
        set { values[place] = newValue }
    }
}

/// A line of places: its ends. What stands between them is in the `PlaceLinks` that it was made with.
struct PlaceLine {
    fileprivate(set) var first: Int?
    fileprivate(set) var last: Int?
}

/// Which places stand next to each other. Each stands in one line at most.
struct PlaceLinks {
    private struct Link {
        var before: Int?
        var after: Int?
    }

    private var links: [Link] = []

    mutating func append(_ place: Int, to line: inout PlaceLine) {
        while place >= links.count { links.append(Link()) }
        links[place] = Link(before: line.last)
        if let last = line.last { links[last].after = place } else { line.first = place }
        line.last = place
    }

    mutating func remove(_ place: Int, from line: inout PlaceLine) {
        let link = links[place]
        if let before = link.before {
            links[before].after = link.after
        } else {
            line.first = link.after
        }
        if let after = link.after {
            links[after].before = link.before
        } else {
            line.last = link.before
        }
    }
}
