import DequeModule
import Ledger
import Linux
import Sessions
import Storage

/// What a node does so that another one, its follower, has all of its stored sessions: makes a copy there, has the books
/// name the follower when it is whole, and confirms nothing from then on that is not on both disks.
///
/// The books decide: who they name may take the sessions over, and a node that they name none of may go on alone. So
/// between the two, when a follower is lost, nothing is confirmed until the books say `alone`.
///
/// Knows neither thread nor clock: it is told what has happened, and says what is to be done.
struct SessionLead {
    /// What is told to who waits for a change of a stored session.
    typealias Confirmation = @Sendable (Result<Void, StoreError>) -> Void

    enum Phase: Equatable {
        /// The books name no one: what this disk has is confirmed.
        case alone

        /// A copy is being made. The same is confirmed.
        case copying

        /// All of it has been sent; the follower has to have it up to that number.
        case completing(UInt64)

        /// The books are asked to name the follower.
        case proposing

        /// They do.
        case following

        /// The follower is lost, and the books are asked to name no one.
        case leaving

        /// Others have the sessions by now: what is here of them is void.
        case void
    }

    enum Effect {
        case send(FollowMail, to: NodeName)
        case confirm(Confirmation)
        case fail(Confirmation)

        /// Read the next page, from that place on, in the order of the writer.
        case read(after: SessionPage.Place?, copy: UInt64)

        /// Ask the books to name that follower, or none.
        case propose(NodeName?, after: UInt64)
        case beginAnew
        case say(News)
    }

    /// What an operator is told.
    enum News: Equatable {
        case followed(by: NodeName)
        case lost(NodeName, Loss)
    }

    enum Loss: String {
        case unreachable = "it can't be reached"
        case refused = "it can't keep them"
        case slow = "it takes too long"
        case tooLarge = "a session is too large for a link"
        case removed = "it was removed from the cluster"
        case unreadable = "a session can't be read here"
    }

    private struct Copy {
        let follower: NodeName
        let id: UInt64
        var sent: UInt64 = 0
        var kept: UInt64 = 0

        /// What is on its way, oldest first.
        var unkept: Deque<(number: UInt64, bytes: Int, at: MonotonicInstant)> = []
        var unkeptBytes = 0

        /// The last number of the page that is on its way; `nil`: one is being read.
        var page: UInt64?
        var cursor: SessionPage.Place?
        var isAllSent = false
    }

    let node: NodeName
    private(set) var phase: Phase

    /// Of the record in the books.
    private(set) var number: UInt64

    /// A record that says that others have the sessions, and that this process knows of: it has begun without any.
    private let known: UInt64
    private var copy: Copy?
    private var held: Deque<(number: UInt64, confirmation: Confirmation)> = []
    private var isAsking = false
    private var askedAt: MonotonicInstant?

    /// Not tried again before: a follower that was lost, by name.
    private var notBefore: [NodeName: MonotonicInstant] = [:]

    /// How long an answer may take, in milliseconds.
    static let patienceMilliseconds: Int64 = 2_000

    /// A follower that failed is left alone for so long, in milliseconds.
    static let pauseMilliseconds: Int64 = 15_000

    /// More is not on its way to a follower, in bytes: a link takes 64 MiB for all.
    static let unkeptMaximumBytes = 24 << 20

    /// Of a page of all sessions.
    static let pageBytes = 1 << 20

    /// - Parameter record: what the books say when the process starts. If they say that others have the sessions, the
    ///   store has been emptied.
    init(_ node: NodeName, _ record: SessionFollowing?) {
        self.node = node
        number = record?.number ?? 0
        known = record?.isInherited == true ? number : 0
        phase = record?.isInherited == true || record?.follower != nil ? .leaving : .alone
    }

    var follower: NodeName? { copy?.follower }

    private var holds: Bool {
        switch phase {
        case .alone, .copying: false
        case .completing, .proposing, .following, .leaving, .void: true
        }
    }

    // MARK: Changes

    /// Changes are on this node's disk, in this order.
    mutating func committed(
        _ changes: FollowedChanges, bytes: Int, _ confirmation: @escaping Confirmation,
        at time: MonotonicInstant
    ) -> [Effect] {
        var effects: [Effect] = []
        if phase == .void { return [.fail(confirmation)] }
        if copy != nil, !changes.changes.isEmpty {
            effects += send(changes, bytes: bytes, at: time)
        }
        guard holds, let copy else {
            if holds {
                held.append((0, confirmation))
            } else {
                effects.append(.confirm(confirmation))
            }
            return effects
        }
        if copy.kept >= copy.sent, phase == .following {
            effects.append(.confirm(confirmation))
        } else {
            held.append((copy.sent, confirmation))
        }
        return effects
    }

    private mutating func send(
        _ changes: FollowedChanges, bytes: Int, at time: MonotonicInstant
    ) -> [Effect] {
        guard let follower = copy?.follower, let id = copy?.id else { return [] }
        let number = note(bytes: bytes, at: time)
        return [.send(.changes(copy: id, number: number, changes), to: follower)]
    }

    /// The number of what is to be sent.
    private mutating func note(bytes: Int, at time: MonotonicInstant) -> UInt64 {
        copy?.sent += 1
        let number = copy?.sent ?? 0
        copy?.unkept.append((number, bytes, time))
        copy?.unkeptBytes += bytes
        return number
    }

    // MARK: The copy

    /// A page of all sessions, behind all that was sent so far.
    mutating func read(
        _ parts: [(changes: FollowedChanges, bytes: Int)], next: SessionPage.Place?,
        copy id: UInt64, at time: MonotonicInstant
    ) -> [Effect] {
        guard copy?.id == id, phase == .copying else { return [] }
        var effects: [Effect] = []
        for part in parts {
            effects += send(part.changes, bytes: part.bytes, at: time)
            if copy == nil { return effects }
        }
        copy?.cursor = next
        copy?.isAllSent = next == nil
        let sent = copy?.sent
        copy?.page = sent
        return effects + goOn(at: time)
    }

    mutating func couldNotRead(copy id: UInt64, at time: MonotonicInstant) -> [Effect] {
        copy?.id == id ? lose(.unreadable, at: time) : []
    }

    /// The follower has all up to that number on its disk.
    mutating func kept(
        _ number: UInt64, copy id: UInt64, from node: NodeName, at time: MonotonicInstant
    ) -> [Effect] {
        guard var copy, copy.id == id, copy.follower == node, number > copy.kept else { return [] }
        // Not in two places: it would be copied to be changed.
        self.copy = nil
        copy.kept = number
        while let first = copy.unkept.first, first.number <= number {
            copy.unkept.removeFirst()
            copy.unkeptBytes -= first.bytes
        }
        self.copy = copy
        var effects: [Effect] = []
        if phase == .following || phase == .proposing {
            while let first = held.first, first.number <= number {
                effects.append(.confirm(held.removeFirst().confirmation))
            }
        }
        return effects + goOn(at: time)
    }

    /// What follows when the follower has got so far.
    private mutating func goOn(at time: MonotonicInstant) -> [Effect] {
        guard let copy else { return [] }
        switch phase {
        case .copying:
            guard let page = copy.page, copy.kept >= page else { return [] }
            self.copy?.page = nil
            return copy.isAllSent
                ? complete(at: time) : [.read(after: copy.cursor, copy: copy.id)]
        case .completing(let last):
            guard copy.kept >= last else { return [] }
            phase = .proposing
            return ask(for: copy.follower, at: time)
        case .alone, .proposing, .following, .leaving, .void: return []
        }
    }

    /// From here on nothing is confirmed that the follower does not have.
    private mutating func complete(at time: MonotonicInstant) -> [Effect] {
        guard let copy else { return [] }
        let last = note(bytes: 0, at: time)
        phase = .completing(last)
        return [
            .send(.complete(copy: copy.id, number: last, mark: number + 1), to: copy.follower)
        ]
    }

    private mutating func ask(for follower: NodeName?, at time: MonotonicInstant) -> [Effect] {
        guard !isAsking else { return [] }
        isAsking = true
        askedAt = time
        return [.propose(follower, after: number)]
    }

    // MARK: Losing it

    mutating func lost(
        _ node: NodeName, _ loss: Loss = .unreachable, at time: MonotonicInstant
    ) -> [Effect] {
        copy?.follower == node ? lose(loss, at: time) : []
    }

    /// The follower says so itself.
    mutating func refused(
        copy id: UInt64, by node: NodeName, at time: MonotonicInstant
    ) -> [Effect] {
        copy?.id == id ? lost(node, .refused, at: time) : []
    }

    private mutating func lose(_ loss: Loss, at time: MonotonicInstant) -> [Effect] {
        guard let copy else { return [] }
        self.copy = nil
        if loss != .unreachable {
            notBefore[copy.follower] = time.adding(milliseconds: Self.pauseMilliseconds)
        }
        let news = Effect.say(.lost(copy.follower, loss))
        switch phase {
        case .copying, .completing:
            phase = .alone
            return [news] + release()
        case .proposing, .following:
            phase = .leaving
            return [news] + ask(for: nil, at: time)
        case .alone, .leaving, .void: return []
        }
    }

    private mutating func release() -> [Effect] {
        defer { held = [] }
        return held.map { .confirm($0.confirmation) }
    }

    // MARK: The books

    /// What they say by now. `hasAnswered`: to what they were asked.
    mutating func books(
        _ record: SessionFollowing?, hasAnswered: Bool, at time: MonotonicInstant
    ) -> [Effect] {
        if hasAnswered { isAsking = false }
        guard phase != .void, record?.number ?? 0 >= number else { return [] }
        let isNews = record?.number ?? 0 > number
        number = record?.number ?? 0
        if record?.isInherited == true {
            guard number != known else { return [] }
            phase = .void
            copy = nil
            defer { held = [] }
            return held.map { .fail($0.confirmation) } + [.beginAnew]
        }
        guard let named = record?.follower else { return namesNone(isNews: isNews, at: time) }
        switch phase {
        case .following where copy?.follower == named: return []
        case .proposing where copy?.follower == named && isNews:
            phase = .following
            var effects = [Effect.say(.followed(by: named))]
            let kept = copy?.kept ?? 0
            while let first = held.first, first.number <= kept {
                effects.append(.confirm(held.removeFirst().confirmation))
            }
            return effects
        case .alone, .copying, .completing, .proposing, .following, .leaving, .void:
            // Of an earlier process, or asked for before the follower was lost.
            copy = nil
            phase = .leaving
            return ask(for: nil, at: time)
        }
    }

    private mutating func namesNone(isNews: Bool, at time: MonotonicInstant) -> [Effect] {
        switch phase {
        case .alone, .copying, .void: return []
        case .completing, .proposing:
            // The copy names the number that would have followed.
            return isNews ? complete(at: time) : []
        case .following: return lose(.removed, at: time) + namesNone(isNews: true, at: time)
        case .leaving:
            phase = .alone
            return release()
        }
    }

    // MARK: Time

    /// Looked at now and then: begins a copy when there is a node for one, and asks again.
    mutating func look(
        present: [NodeName], newCopy id: UInt64, at time: MonotonicInstant
    ) -> [Effect] {
        if let first = copy?.unkept.first,
            time.milliseconds(since: first.at) >= Self.patienceMilliseconds
                || copy?.unkeptBytes ?? 0 > Self.unkeptMaximumBytes
        {
            return lose(.slow, at: time)
        }
        switch phase {
        case .alone:
            guard let follower = candidate(among: present, at: time) else { return [] }
            copy = Copy(follower: follower, id: id)
            phase = .copying
            return [
                .send(.begin(copy: id, record: number), to: follower),
                .read(after: nil, copy: id),
            ]
        case .proposing where isDueToAsk(at: time): return ask(for: copy?.follower, at: time)
        case .leaving where isDueToAsk(at: time): return ask(for: nil, at: time)
        case .copying, .completing, .proposing, .following, .leaving, .void: return []
        }
    }

    private func isDueToAsk(at time: MonotonicInstant) -> Bool {
        !isAsking && (askedAt.map { time.milliseconds(since: $0) >= 1_000 } ?? true)
    }

    /// The next node by name.
    private func candidate(among present: [NodeName], at time: MonotonicInstant) -> NodeName? {
        let all = present.filter { $0 != node && notBefore[$0] ?? time <= time }.sorted()
        return all.first { $0 > node } ?? all.first
    }
}
