import Storage
import Synchronization

/// Tells what was applied to the books: each event once, in order, when it is on the disk.
///
/// It reads the log behind what it told last, so it makes no difference which way a command came:
/// another thread's, another process', a test's own transaction. It is asked to look after each
/// commit.
final class Announcer: Sendable {
    /// So that readers on other threads know when to forget the products that they have cached.
    let productsVersion = ProductsVersion()

    /// Rings when something was told.
    let bell = CommitBell()
    private let books: Books
    private let state: Mutex<State>
    private let applied: Atomic<UInt64>
    private let failures = Atomic<UInt64>(0)

    private struct State: ~Copyable {
        var reader: CachedReader
        var observers: [@Sendable (Event) -> Void] = []
    }

    /// Tells nothing of what is in the log already.
    init(_ books: Books, in environment: Environment) throws(StoreError) {
        var reader = try CachedReader(environment)
        let last = try reader.withTransaction { transaction throws(StoreError) in
            try books.head(in: transaction).lastSequence
        }
        self.books = books
        applied = Atomic(last)
        state = Mutex(State(reader: reader))
    }

    /// The number of the last event that was told.
    var appliedSequence: UInt64 { applied.load(ordering: .acquiring) }

    /// How often the log could not be read; what was in it was told later, or waits for the next commit.
    var failureCount: UInt64 { failures.load(ordering: .relaxed) }

    func observe(_ observer: @escaping @Sendable (Event) -> Void) {
        state.withLock { $0.observers.append(observer) }
    }

    /// Tells what the log has behind what was told last. One thread at a time, so that the order is
    /// the log's.
    func announce() {
        let isNew = state.withLock { state in
            let first = appliedSequence + 1
            let books = books
            let events: [Event]
            do throws(StoreError) {
                events = try state.reader.withTransaction { transaction throws(StoreError) in
                    var events: [Event] = []
                    try books.events.forEach(in: transaction, from: .including(first)) {
                        _, event in
                        events.append(event)
                        return .proceed
                    }
                    return events
                }
            } catch {
                failures.add(1, ordering: .relaxed)
                // A product may be among what could not be read.
                productsVersion.advance()
                return false
            }
            guard let last = events.last else { return false }
            if events.contains(where: \.change.mayChangeProduct) {
                productsVersion.advance()
            }
            for event in events {
                for observer in state.observers { observer(event) }
            }
            applied.store(last.sequence, ordering: .releasing)
            return true
        }
        if isNew { bell.ring() }
    }

    /// Lets go of the observers, and ends the bell.
    func end() {
        state.withLock { $0.observers.removeAll() }
        bell.end()
    }
}

/// Counts the changes of products' settings.
final class ProductsVersion: Sendable {
    private let count = Atomic<UInt64>(0)

    var current: UInt64 { count.load(ordering: .acquiring) }

    func advance() { count.wrappingAdd(1, ordering: .releasing) }
}

extension Change {
    /// Whether it may be of a product's settings, a package set by its first codes among them.
    fileprivate var mayChangeProduct: Bool {
        switch self {
        case .corrections(let correction): correction.mayChangeProduct
        case .products, .codes, .productSecrets: true
        case .devices, .packages, .accounts, .imports, .topUps, .upgrades, .keys, .clock, .limits,
            .cluster, .metadata, .webhooks, .alerts, .authorities, .firmware, .campaigns:
            false
        }
    }
}

extension Correction {
    /// A product whose bought codes are all taken back has no package of its own any more.
    fileprivate var mayChangeProduct: Bool {
        switch entry {
        case .purchaseVoided, .assignmentVoided: true
        case .consumptionVoided, .entitlementMoved, .topUpVoided: false
        }
    }
}
