/// Elements that are appended at the end and taken from the front, which is cheap.
struct Line<Element: Sendable>: Sendable {
    // Those before `head` have been taken, and hold nothing.
    private var places: [Element?] = []
    private var head = 0

    var count: Int { places.count - head }

    var isEmpty: Bool { places.count == head }

    var first: Element? { isEmpty ? nil : places[head] }

    /// The element at `index` from the front, which must be there.
    subscript(index: Int) -> Element {
        get {
            guard let element = places[head + index] else { preconditionFailure("it was taken") }
            return element
        }
        set { places[head + index] = newValue }
    }

    mutating func append(_ element: Element) { places.append(element) }

    mutating func removeFirst() {
        precondition(!isEmpty, "nothing to be taken")
        places[head] = nil
        head += 1
        if head == places.count {
            places.removeAll(keepingCapacity: head <= 1_024)
            head = 0
        } else if head >= 64, head * 2 >= places.count {
            places.removeFirst(head)
            head = 0
        }
    }
}
