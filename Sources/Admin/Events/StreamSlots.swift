import Synchronization

/// How many streams may be open at once.
final class StreamSlots: Sendable {
    /// Held by a stream for as long as it is open.
    final class Slot: Sendable {
        private let slots: StreamSlots

        fileprivate init(_ slots: StreamSlots) { self.slots = slots }

        deinit { slots.taken.withLock { $0 -= 1 } }
    }

    private let taken = Mutex(0)
    private let maximum: Int

    init(maximum: Int) { self.maximum = maximum }

    /// `nil` when all are taken.
    func slot() -> Slot? {
        let isFree = taken.withLock { taken in
            guard taken < maximum else { return false }
            taken += 1
            return true
        }
        return isFree ? Slot(self) : nil
    }
}
