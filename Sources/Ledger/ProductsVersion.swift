import Synchronization

/// Counts the changes of products' settings, so that readers on other threads know when to forget
/// what they have cached.
final class ProductsVersion: Sendable {
    private let count = Atomic<UInt64>(0)

    var current: UInt64 { count.load(ordering: .acquiring) }

    func advance() { count.wrappingAdd(1, ordering: .releasing) }
}
