import Ledger
import Linux
import Reactor
import Storage
import Synchronization

/// Sees to it that every partition is owned by a node that is there: looks at the books and at who can be reached each
/// second, on a thread of its own, and has the books say otherwise when a node has come, or has been away for longer
/// than a restart takes.
///
/// Each node proposes the same, and the books take one of them; the first by name is the first to propose.
final class OwnerKeeper: Sendable {
    /// Between two looks, in milliseconds.
    private static let intervalMilliseconds: Int64 = 1_000

    /// How long a node that owns partitions may be away, in milliseconds.
    static let absenceMilliseconds: Int64 = 10_000

    /// How much longer than the one before it a node waits with its proposal, in milliseconds.
    static let turn: Int64 = 2_000

    private let end = End()
    private let thread: Thread

    private final class End: Sendable {
        let bell = Semaphore()
        let hasCome = Atomic<Bool>(false)
    }

    init(_ commons: GatewayCommons, _ neighbours: Neighbours, _ time: TimeSource) throws(Errno) {
        let end = end
        thread = try Thread(name: "owners") {
            var look = OwnerLook(of: neighbours.node, at: time.monotonic)
            while !end.hasCome.load(ordering: .acquiring) {
                Self.look(&look, commons, neighbours, at: time.monotonic)
                _ = end.bell.wait(milliseconds: Self.intervalMilliseconds)
            }
        }
    }

    func stop() {
        end.hasCome.store(true, ordering: .releasing)
        end.bell.signal()
        thread.join()
    }

    private static func look(
        _ look: inout OwnerLook, _ commons: GatewayCommons, _ neighbours: Neighbours,
        at time: MonotonicInstant
    ) {
        do throws(StoreError) {
            let table = try commons.ledger.read { books, transaction throws(StoreError) in
                try books.partitions(in: transaction)
            }
            if let table { neighbours.adopt(table) }
            let all = try commons.ledger.read { books, transaction throws(StoreError) in
                try books.members(in: transaction)
            }
            neighbours.forget(Set(all.filter(\.isRemoved).map(\.node)))
            let members = all.filter { !$0.isRemoved }.map(\.node)
            let followings = try commons.ledger.read { books, transaction throws(StoreError) in
                try books.sessionFollowings(in: transaction)
            }
            let inherited = followings.filter(\.value.isInherited).keys
            guard commons.ledger.clusterStanding?.phase == .open,
                let next = look.next(
                    after: table, present: neighbours.present, members: Set(members),
                    inherited: Set(inherited), at: time)
            else { return }
            let action = Action.cluster(.assignPartitions(next, after: table?.number ?? 0))
            // What becomes of it is seen in the books.
            commons.ledger.submit(
                Command(at: commons.clock.now, actor: Command.gatewayActor, action: action)
            ) {
                _ in
            }
        } catch {
            // The next look tries again; that the books can't be read is said where clients need them.
        }
    }
}

/// When a node is to propose other owners.
struct OwnerLook {
    private let node: NodeName
    private let beginning: MonotonicInstant
    private var seen: [NodeName: MonotonicInstant] = [:]

    /// Since when the table has not been as it should be, and how.
    private var wanted: (nodes: [NodeName], since: MonotonicInstant)?

    init(of node: NodeName, at time: MonotonicInstant) {
        self.node = node
        beginning = time
    }

    /// The table that is to be proposed now; `nil`: none.
    ///
    /// - Parameters:
    ///   - present: the other nodes that can be reached.
    ///   - members: those that the books know, and that were not removed: no other can own anything.
    ///   - inherited: those whose stored sessions others have taken over, who are not waited for.
    mutating func next(
        after table: PartitionTable?, present: [NodeName], members: Set<NodeName>,
        inherited: Set<NodeName> = [], at time: MonotonicInstant
    ) -> PartitionTable? {
        guard members.contains(node) else { return nil }
        let there = (present.filter(members.contains) + [node]).sorted()
        for name in there { seen[name] = time }
        let away = (table?.nodes ?? []).filter { name in
            !there.contains(name) && members.contains(name) && !inherited.contains(name)
                && time.milliseconds(since: seen[name] ?? beginning)
                    < OwnerKeeper.absenceMilliseconds
        }
        let nodes = (there + away).sorted()
        guard nodes != table?.nodes else {
            wanted = nil
            return nil
        }
        if wanted?.nodes != nodes { wanted = (nodes, time) }
        let rank = Int64(there.firstIndex(of: node) ?? 0)
        guard let since = wanted?.since,
            time.milliseconds(since: since) >= rank * OwnerKeeper.turn
        else { return nil }
        // Not again before the books have had time to take it.
        wanted = (nodes, time)
        return PartitionTable.assigned(to: nodes, after: table)
    }
}
