import Synchronization

/// Counts how many of its kind are alive.
struct Resource: ~Copyable {
    final class Census: Sendable {
        fileprivate let cell = Atomic<Int>(0)

        var alive: Int { cell.load(ordering: .relaxed) }
    }

    var value: Int
    private let census: Census

    init(_ value: Int, _ census: Census) {
        self.value = value
        self.census = census
        census.cell.add(1, ordering: .relaxed)
    }

    deinit { census.cell.subtract(1, ordering: .relaxed) }
}
