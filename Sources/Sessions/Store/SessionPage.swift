package import Storage
internal import Synchronization

/// A part of what a copy of a store's sessions is made of: first all sessions in the order of their names, each whole, then
/// what is kept for other nodes in the order of nodes and numbers.
package struct SessionPage: Sendable {
    /// How far pages have come.
    package enum Place: Equatable, Sendable {
        case session(SessionName)

        /// Behind all sessions.
        case sessions

        /// A message for that node.
        case forward(String, ForwardNumber)
    }

    package let sessions: [(name: SessionName, session: StoredSession)]

    /// Where the next page begins; `nil`: there is none.
    package let next: Place?

    /// What is kept for other nodes; and, of the last page, what the node has taken of their messages.
    let nodes: [ForwardChange]

    /// Behind it there is no other.
    package var isLast: Bool { next == nil }

    /// Changes that put all of it into a store, under the numbers that the sessions have.
    package var changes: [SessionChange] {
        sessions.flatMap { entry in
            entry.session.taken(
                as: entry.session.record.number, named: entry.name,
                claim: entry.session.record.claim
            ).changes
        } + nodes.map { .node($0) }
    }
}

extension SessionStore {
    /// Reads a part of all sessions, as they are behind all changes that were submitted before it, and in front of all
    /// that are submitted after it.
    ///
    /// `completion` is called once, on the writer's thread, in the order of the completions of `submit`; or at once, on
    /// this thread, with `.queueFull` or `.shutDown`.
    ///
    /// - Parameters:
    ///   - place: where the page before ended; `nil` for the first page.
    ///   - bytes: how much the page has, about: sessions are added until it is reached. One that is larger comes whole.
    package func submitPage(
        after place: SessionPage.Place?,
        bytes: Int,
        completion: @escaping @Sendable (Result<SessionPage, StoreError>) -> Void
    ) {
        let tables = tables
        let page = PageInTheMaking()
        shared.submit(weight: max(1, bytes / Self.bytesPerRecord)) {
            transaction throws(StoreError) in
            let read = try tables.page(after: place, bytes: bytes, in: transaction)
            page.read.withLock { $0 = read }
        } completion: { result in
            completion(result.map { page.taken() })
        }
    }

    /// Removes all sessions with all they have, and what is kept for other nodes, in one commit, as another node has them
    /// now. Their numbers are not given again. What this one knows of other nodes stays. `completion` as of `submit`.
    package func removeAll(
        completion: @escaping @Sendable (Result<Void, StoreError>) -> Void
    ) {
        let tables = tables
        shared.submit(weight: 1) { transaction throws(StoreError) in
            try tables.removeAll(in: transaction)
            try tables.nodes.forwards.deleteAll(in: transaction)
            try tables.noteForwardsGone(in: transaction)
        } completion: { result in
            completion(result)
        }
    }

    /// What a record counts, about, when a page is weighed.
    private static var bytesPerRecord: Int { 256 }
}

/// What the writer has read last: it may have read it several times.
private final class PageInTheMaking: Sendable {
    let read = Mutex<SessionPage?>(nil)

    func taken() -> SessionPage {
        guard let page = read.withLock({ $0.take() }) else {
            preconditionFailure("what was committed was read before")
        }
        return page
    }
}

extension SessionTables {
    func page(
        after place: SessionPage.Place?,
        bytes: Int,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> SessionPage {
        let name: SessionName?
        switch place {
        case nil: name = nil
        case .session(let last): name = last
        case .sessions: return try forwards(after: nil, bytes: bytes, in: transaction)
        case .forward(let node, let number):
            return try forwards(after: KeyPair(node, number), bytes: bytes, in: transaction)
        }
        let part = try sessions(after: name, bytes: bytes, in: transaction)
        guard part.isAll, part.bytes < bytes else {
            return SessionPage(
                sessions: part.found,
                next: part.isAll ? .sessions : part.found.last.map { .session($0.name) },
                nodes: [])
        }
        let rest = try forwards(after: nil, bytes: bytes - part.bytes, in: transaction)
        return SessionPage(sessions: part.found, next: rest.next, nodes: rest.nodes)
    }

    /// Of what is kept for other nodes; with the last of it what was taken of them.
    private func forwards(
        after key: KeyPair<String, ForwardNumber>?,
        bytes: Int,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> SessionPage {
        var found: [ForwardChange] = []
        var last = key
        var sum = 0
        var isAll = true
        try nodes.forwards.forEach(
            in: transaction, from: key.map { .excluding($0) } ?? .unbounded
        ) { (key, forward) throws(StoreError) in
            if !found.isEmpty, sum >= bytes {
                isAll = false
                return .stop
            }
            sum += forward.message.byteCount + Self.bytesPerForward
            found.append(.keep(key.first, key.second, forward))
            last = key
            return .proceed
        }
        if isAll { found += try nodes.allTaken(in: transaction) }
        return SessionPage(
            sessions: [], next: isAll ? nil : last.map { .forward($0.first, $0.second) },
            nodes: found)
    }

    private static var bytesPerForward: Int { 64 }

    /// - Returns: how many bytes they take on their way, about; and whether there are no others behind them.
    func sessions(
        after name: SessionName?,
        bytes: Int,
        limit: Int = .max,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> (
        found: [(name: SessionName, session: StoredSession)], bytes: Int, isAll: Bool
    ) {
        var found: [(name: SessionName, session: StoredSession)] = []
        var sum = 0
        var isAll = true
        try sessions.forEach(
            in: transaction, from: name.map { .excluding($0) } ?? .unbounded
        ) { (name, record) throws(StoreError) in
            if !found.isEmpty, sum >= bytes || found.count >= limit {
                isAll = false
                return .stop
            }
            let session = try session(of: record, in: transaction)
            sum += name.bytes.count + session.byteCount
            found.append((name, session))
            return .proceed
        }
        return (found, sum, isAll)
    }

    func removeAll(in transaction: borrowing WriteTransaction) throws(StoreError) {
        try sessions.deleteAll(in: transaction)
        try dues.deleteAll(in: transaction)
        try queues.deleteAll(in: transaction)
        try received.deleteAll(in: transaction)
        try marks.deleteAll(in: transaction)
        try removals.deleteAll(in: transaction)
    }
}

extension StoredSession {
    /// What it takes on its way, about.
    fileprivate var byteCount: Int {
        var sum = Self.fixedBytes + received.all.count * 2
        for subscription in record.subscriptions {
            sum += subscription.filter.count + Self.bytesPerSubscription
        }
        if let will = record.will { sum += will.message.byteCount }
        for entry in queue {
            sum += Self.bytesPerEntry
            if case .message(let message) = entry.record { sum += message.byteCount }
        }
        return sum
    }

    private static var fixedBytes: Int { 40 }
    private static var bytesPerSubscription: Int { 4 }
    private static var bytesPerEntry: Int { 16 }
}
