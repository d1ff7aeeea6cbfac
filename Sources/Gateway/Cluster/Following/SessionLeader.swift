import DequeModule
import Ledger
import Linux
import Links
import Sessions
import Storage
import Synchronization

/// The stored sessions of a node of a cluster, which another one keeps, too: what is written of them is confirmed
/// when it is where it has to be (`SessionLead`).
final class SessionLeader: Sendable {
    private let core: Mutex<SessionLead>
    private let sessions: SessionStore
    private let ledger: Ledger
    private let clock: BooksClock
    private let neighbours: Neighbours
    private let log: GatewayLog?

    /// Set once, when there is a thread that looks.
    private let keeper = Mutex<(@Sendable (FollowNews) -> Void)?>(nil)

    init(
        _ sessions: SessionStore, _ ledger: Ledger, _ clock: BooksClock, _ neighbours: Neighbours,
        _ log: GatewayLog?
    ) {
        core = Mutex(SessionLead(neighbours.node, nil))
        self.sessions = sessions
        self.ledger = ledger
        self.clock = clock
        self.neighbours = neighbours
        self.log = log
    }

    /// What the books say when the process starts, before anything is written.
    func begin(_ record: SessionFollowing?) {
        core.withLock { $0 = SessionLead(neighbours.node, record) }
    }

    /// Where news go from now on.
    func tell(_ body: @escaping @Sendable (FollowNews) -> Void) {
        keeper.withLock { $0 = body }
    }

    /// Writes changes, which go together; see `SessionStore.submit`.
    func submit(
        _ changes: [SessionChange],
        completion: @escaping @Sendable (Result<Void, StoreError>) -> Void
    ) {
        sessions.submit(changes) { [self] result in
            guard case .success = result else { return completion(result) }
            let followed = FollowedChanges(changes)
            let bytes = followed.changes.reduce(0) { $0 + $1.weight }
            perform { $0.committed(followed, bytes: bytes, completion, at: $1) }
        }
    }

    // MARK: What has happened

    func receive(_ mail: FollowMail, from node: NodeName) {
        switch mail {
        case .kept(let copy, let number):
            perform { $0.kept(number, copy: copy, from: node, at: $1) }
        case .refused(let copy): perform { $0.refused(copy: copy, by: node, at: $1) }
        case .begin, .changes, .complete: break
        }
    }

    func lost(_ node: NodeName) { perform { $0.lost(node, at: $1) } }

    func books(_ record: SessionFollowing?, hasAnswered: Bool) {
        perform { $0.books(record, hasAnswered: hasAnswered, at: $1) }
    }

    func look(present: [NodeName]) {
        let id = UInt64.random(in: 1 ... .max)
        perform { $0.look(present: present, newCopy: id, at: $1) }
    }

    var standing: (phase: SessionLead.Phase, follower: NodeName?, number: UInt64) {
        core.withLock { ($0.phase, $0.follower, $0.number) }
    }

    // MARK: What is to be done

    /// Letters go in the order in which they were decided on; nothing else depends on an order between threads, as a
    /// shard waits for one batch before it writes the next.
    private func perform(_ body: (inout SessionLead, MonotonicInstant) -> [SessionLead.Effect]) {
        var rest: [SessionLead.Effect] = []
        core.withLock { core in
            var effects = Deque(body(&core, .now()))
            while let effect = effects.popFirst() {
                guard case .send(let mail, let node) = effect else {
                    rest.append(effect)
                    continue
                }
                let bytes = mail.encoded()
                if bytes.count <= Links.batchMaximumBytes {
                    neighbours.post(bytes, to: node)
                } else {
                    effects.append(contentsOf: core.lost(node, .tooLarge, at: .now()))
                }
            }
        }
        for effect in rest { carryOut(effect) }
    }

    private func carryOut(_ effect: SessionLead.Effect) {
        switch effect {
        case .send: break
        case .confirm(let confirmation): confirmation(.success(()))
        case .fail(let confirmation):
            confirmation(.failure(.stopped(why: "another node has taken the sessions over")))
        case .read(let place, let copy): read(after: place, copy)
        case .propose(let follower, let number):
            let action = Action.cluster(
                .followSessions(of: neighbours.node, by: follower, after: number))
            ledger.submit(Command(at: clock.now, actor: Command.gatewayActor, action: action)) {
                [weak self] _ in self?.tell(.answered)
            }
        case .beginAnew: tell(.inherited)
        case .say(let news): say(news)
        }
    }

    private func tell(_ news: FollowNews) { keeper.withLock { $0 }?(news) }

    private func read(after place: SessionPage.Place?, _ copy: UInt64) {
        sessions.submitPage(after: place, bytes: SessionLead.pageBytes) { [self] result in
            switch result {
            case .success(let page):
                let parts = page.changes.inParts(of: SessionLead.pageBytes)
                perform {
                    $0.read(parts, next: page.next, copy: copy, at: $1)
                }
            case .failure: perform { $0.couldNotRead(copy: copy, at: $1) }
            }
        }
    }

    private func say(_ news: SessionLead.News) {
        switch news {
        case .followed(let node):
            log?.say(
                .notice, "another node keeps this one's stored sessions, too",
                .init("node", node.text))
        case .lost(let node, let loss):
            log?.say(
                .warning, "no other node keeps this one's stored sessions",
                .init("node", node.text), .init("why", loss.rawValue))
        }
    }
}

/// What the thread that looks after followers is told.
enum FollowNews {
    /// The books have answered.
    case answered

    /// They say that others have this node's sessions.
    case inherited

    /// They have changed, or a node has arrived or was lost.
    case changed
}

extension SessionChange {
    /// How many bytes it takes on a link, about.
    var weight: Int {
        switch self {
        case .put(let name, let record):
            name.bytes.count + 128 + (record.will?.message.byteCount ?? 0)
                + record.subscriptions.reduce(0) { $0 + $1.filter.count + 16 }
        case .append(_, _, let message): message.byteCount + 32
        case .remove(let name, _): name.bytes.count + 16
        case .node(.keep(let node, _, let content)):
            node.utf8.count + content.message.byteCount + 64
        case .release, .delete, .sent, .receive, .complete, .node: 24
        }
    }
}

extension [SessionChange] {
    /// In the same order, in parts of so many bytes, or of one change.
    func inParts(of bytes: Int) -> [(changes: FollowedChanges, bytes: Int)] {
        var parts: [(changes: FollowedChanges, bytes: Int)] = []
        var part: [SessionChange] = []
        var sum = 0
        for change in self {
            let weight = change.weight
            if !part.isEmpty, sum + weight > bytes {
                parts.append((FollowedChanges(part), sum))
                part = []
                sum = 0
            }
            part.append(change)
            sum += weight
        }
        if !part.isEmpty { parts.append((FollowedChanges(part), sum)) }
        return parts
    }
}
