/// Slots of counters, first in, first out. Keeps its memory.
struct SlotQueue {
    private var slots: [Int32] = []
    private var head = 0

    mutating func append(_ slot: Int32) { slots.append(slot) }

    mutating func popFirst() -> Int32? {
        guard head < slots.count else { return nil }
        defer {
            head += 1
            // Half of it is behind the head: moving the rest down costs no more than reading it did.
            if head * 2 >= slots.count {
                slots.removeFirst(head)
                head = 0
            }
        }
        return slots[head]
    }
}
