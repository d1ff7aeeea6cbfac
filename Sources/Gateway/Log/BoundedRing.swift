import Synchronization

/// A bounded queue from one thread to another. Neither waits: what finds it full is counted and dropped.
///
/// All memory is taken when it is made.
@safe
final class BoundedRing<Element: Sendable>: Sendable {
    // Safe: allocated once, freed by `deinit`; a slot belongs to the writer until `tail` has passed it,
    // and then to the reader until `head` has.
    private nonisolated(unsafe) let slots: UnsafeMutablePointer<Element?>
    private let capacity: Int

    /// How many were taken, and how many were put, since the start.
    private let head = Atomic<Int>(0)
    private let tail = Atomic<Int>(0)
    private let drops = Atomic<UInt64>(0)

    /// - Parameter capacity: a power of two.
    init(capacity: Int) {
        precondition(capacity > 0 && capacity & (capacity - 1) == 0, "a power of two")
        self.capacity = capacity
        // Safe: every slot is initialized here and deinitialized by `deinit`.
        unsafe slots = .allocate(capacity: capacity)
        unsafe slots.initialize(repeating: nil, count: capacity)
    }

    deinit {
        // Safe: nobody else has a reference any more.
        unsafe slots.deinitialize(count: capacity)
        unsafe slots.deallocate()
    }

    /// Puts an element last; for the one writer. False when it was dropped.
    @discardableResult
    func append(_ element: Element) -> Bool {
        let end = tail.load(ordering: .relaxed)
        guard end - head.load(ordering: .acquiring) < capacity else {
            drops.store(drops.load(ordering: .relaxed) + 1, ordering: .relaxed)
            return false
        }
        // Safe: the reader does not look at this slot before `tail` has passed it.
        unsafe slots[end & (capacity - 1)] = element
        tail.store(end + 1, ordering: .sequentiallyConsistent)
        return true
    }

    /// Takes the first element out; for the one reader. `nil` when there is none.
    func next() -> Element? {
        let start = head.load(ordering: .relaxed)
        guard start < tail.load(ordering: .sequentiallyConsistent) else { return nil }
        // Safe: the writer does not touch this slot before `head` has passed it.
        let element = unsafe slots[start & (capacity - 1)].take()
        head.store(start + 1, ordering: .releasing)
        return element
    }

    var isEmpty: Bool {
        head.load(ordering: .relaxed) >= tail.load(ordering: .sequentiallyConsistent)
    }

    /// How many were dropped since the start, from any thread.
    var dropped: UInt64 { drops.load(ordering: .relaxed) }
}
