import Synchronization

/// How many bytes of bodies may be in memory at once, of all requests together.
///
/// The first bytes of each body are free: there are only as many bodies as connections, and no
/// small request waits for what large ones hold.
final class BodyBudget: Sendable {
    /// Of one body: what does not count.
    static let freeBytes = 65_536

    private let maximumBytes: Int
    private let taken = Mutex(0)

    init(maximumBytes: Int) { self.maximumBytes = maximumBytes }

    /// What one request holds, until it is let go.
    final class Share: Sendable {
        private let budget: BodyBudget
        private let bytes = Mutex(0)

        fileprivate init(_ budget: BodyBudget) { self.budget = budget }

        /// Takes what a body of that length needs; false when there is not enough left.
        func grow(to length: Int) -> Bool {
            let needed = max(0, length - BodyBudget.freeBytes)
            return bytes.withLock { bytes in
                guard needed > bytes else { return true }
                guard budget.take(needed - bytes) else { return false }
                bytes = needed
                return true
            }
        }

        deinit { budget.giveBack(bytes.withLock { $0 }) }
    }

    func share() -> Share { Share(self) }

    var takenBytes: Int { taken.withLock { $0 } }

    private func take(_ bytes: Int) -> Bool {
        taken.withLock { taken in
            guard taken + bytes <= maximumBytes else { return false }
            taken += bytes
            return true
        }
    }

    private func giveBack(_ bytes: Int) { taken.withLock { $0 -= bytes } }
}
