import Ledger
import Linux
import Replication
import Storage
import Time

/// Looks each second how far this node is behind its log, on a thread of its own: asking the log may take some
/// seconds.
final class ClusterWatch: Sendable {
    private static let intervalMilliseconds: Int64 = 1_000

    private let membership: ClusterMembership
    private let sight: Monitor<Sight>

    private struct Sight {
        var end: UInt64?
        var caughtUpAt: MonotonicInstant?
        var isStopped = false

        /// Somebody has asked how far every node is.
        var isAsked = false

        /// A thread reads the books for an answer; whether it was asked once more meanwhile.
        var isReading = false
        var isAskedAgain = false

        mutating func note(
            _ standing: ClusterStanding, _ end: UInt64?, at now: MonotonicInstant
        ) {
            guard let end else { return }
            self.end = end
            if standing.mark.position >= end { caughtUpAt = now }
        }
    }

    /// - Parameter ledger: is not kept open.
    init(_ membership: ClusterMembership, _ ledger: Ledger) throws(Errno) {
        self.membership = membership
        sight = Monitor(Sight())
        let (log, sight) = (membership.log, sight)
        _ = try Thread(name: "cluster-watch") { [weak ledger] in
            repeat {
                // Asked before the ledger is, which is so behind it, or level with it.
                let end = log.standing.doubt == nil ? try? log.position() : nil
                guard let standing = ledger?.clusterStanding else { return }
                sight.change { $0.note(standing, end, at: .now()) }
                if Self.takeQuestion(sight), let ledger { Self.answer(ledger, sight) }
            } while Self.pause(sight)
        }
    }

    /// Does not wait for the thread, which may be asking the log.
    func stop() { sight.change { $0.isStopped = true } }

    /// False when it is over.
    private static func pause(
        _ sight: Monitor<Sight>, milliseconds: Int64 = intervalMilliseconds
    ) -> Bool {
        let deadline = MonotonicInstant.now().adding(milliseconds: milliseconds)
        return sight.wait(until: deadline) { sight -> Bool? in
            if sight.isStopped { return false }
            return sight.isAsked ? true : nil
        } ?? true
    }

    /// A checkpoint that a person has made is a question, which every node answers with one of its own. Those of
    /// gateways are none.
    func hear(_ event: Event) {
        guard case .cluster(.checkpoint) = event.change, event.actor != Command.gatewayActor else {
            return
        }
        sight.change { $0.isAsked = true }
    }

    private static func takeQuestion(_ sight: Monitor<Sight>) -> Bool {
        sight.change { sight in
            defer { sight.isAsked = false }
            return sight.isAsked
        }
    }

    /// Says how far this node is, as soon as that is known to be behind the question: events are told before.
    private static func answer(_ ledger: Ledger, _ sight: Monitor<Sight>) {
        let found = try? ledger.read { books, transaction throws(StoreError) in
            try books.mark(in: transaction)
        }
        guard let applied = found ?? nil else { return }
        var tries = 400
        while tries > 0, ledger.clusterStanding?.mark.position ?? .max < applied.position,
            pause(sight, milliseconds: 5)
        {
            tries -= 1
        }
        let action = Action.cluster(.checkpoint(number: applied.position))
        // Without an answer the node is late, as who asked will see.
        ledger.submit(Command(at: .now(), actor: Command.gatewayActor, action: action)) { _ in }
        readBooks(ledger, sight)
    }

    /// Says what the books were at the question, when they were read: by a thread of its own, one at a time.
    private static func readBooks(_ ledger: Ledger, _ sight: Monitor<Sight>) {
        let mustStart = sight.change { sight in
            sight.isAskedAgain = sight.isReading
            defer { sight.isReading = true }
            return !sight.isReading
        }
        guard mustStart else { return }
        let body: @Sendable () -> Void = { [weak ledger] in
            repeat {
                guard let digest = try? ledger?.answerQuestion() else { continue }
                let action = Action.cluster(.report(digest))
                ledger?.submit(Command(at: .now(), actor: Command.gatewayActor, action: action)) {
                    _ in
                }
            } while goesOn(sight)
        }
        do throws(Errno) {
            _ = try Thread(name: "books-digest", body: body)
        } catch {
            // Without an answer the node is late, as who asked will see.
            sight.change { $0.isReading = false }
        }
    }

    /// Whether there is another question to be answered.
    private static func goesOn(_ sight: Monitor<Sight>) -> Bool {
        sight.change { sight in
            sight.isReading = sight.isAskedAgain && !sight.isStopped
            sight.isAskedAgain = false
            return sight.isReading
        }
    }

    /// - Parameters:
    ///   - wall: what the log's times are held against.
    ///   - reaches: of the nodes that a link was made to; `nil`: this one has no links.
    func report(
        on ledger: Ledger, at wall: Timestamp, _ reaches: [NodeName: PeerReach]?
    ) throws(StoreError) -> ClusterReport? {
        guard let standing = ledger.clusterStanding else { return nil }
        let (known, followings) = try ledger.read { books, transaction throws(StoreError) in
            (
                try books.members(in: transaction),
                try books.sessionFollowings(in: transaction)
            )
        }
        let (end, caughtUpAt) = sight.look { ($0.end, $0.caughtUpAt) }
        let members = known.map { member in
            member.node == membership.node
                ? ClusterReport.Member(
                    node: member.node, position: standing.mark.position,
                    chainHash: standing.mark.chain, silentMilliseconds: 0, agrees: true,
                    following: followings[member.node], reach: .own)
                : ClusterReport.Member(
                    member, standing.nodes[member.node], followings[member.node],
                    reaches.map { $0[member.node] ?? .unheard }, at: wall)
        }
        return ClusterReport(
            cluster: membership.cluster, node: membership.node, standing: standing,
            doubt: membership.log.standing.doubt, end: end,
            behindMilliseconds: caughtUpAt.map { MonotonicInstant.now().milliseconds(since: $0) },
            members: members)
    }
}

extension ClusterReport.Member {
    fileprivate init(
        _ member: ClusterMember, _ peer: ClusterStanding.Peer?, _ following: SessionFollowing?,
        _ reach: PeerReach?, at wall: Timestamp
    ) {
        let seen = peer.flatMap { $0.mark.position == member.applied ? $0.mark.chain : nil }
        self.init(
            node: member.node, position: member.applied, chainHash: seen,
            silentMilliseconds: member.at.map { max(0, wall.milliseconds(since: $0)) },
            agrees: member.isRemoved ? nil : peer?.agrees, isRemoved: member.isRemoved,
            following: following, reach: reach)
    }
}
