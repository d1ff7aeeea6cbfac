package import Storage
internal import Synchronization

/// A part of all sessions of a store, in the order of their names, each whole.
package struct SessionPage: Sendable {
    package let sessions: [(name: SessionName, session: StoredSession)]

    /// Behind it there is no other.
    package let isLast: Bool

    /// Of the last page: what the node has taken of messages of other nodes.
    let taken: [ForwardChange]

    init(
        sessions: [(name: SessionName, session: StoredSession)], isLast: Bool,
        taken: [ForwardChange]
    ) {
        self.taken = taken
        self.sessions = sessions
        self.isLast = isLast
    }

    /// Changes that put all of it into a store, under the numbers that the sessions have.
    package var changes: [SessionChange] {
        sessions.flatMap { entry in
            entry.session.taken(
                as: entry.session.record.number, named: entry.name,
                claim: entry.session.record.claim
            ).changes
        } + taken.map { .node($0) }
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
    ///   - name: the last of the page before; `nil` for the first page.
    ///   - bytes: how much the page has, about: sessions are added until it is reached. One that is larger comes whole.
    package func submitPage(
        after name: SessionName?,
        bytes: Int,
        completion: @escaping @Sendable (Result<SessionPage, StoreError>) -> Void
    ) {
        let tables = tables
        let page = PageInTheMaking()
        shared.submit(weight: max(1, bytes / Self.bytesPerRecord)) {
            transaction throws(StoreError) in
            let read = try tables.page(after: name, bytes: bytes, in: transaction)
            page.read.withLock { $0 = read }
        } completion: { result in
            completion(result.map { page.taken() })
        }
    }

    /// Removes all sessions with all they have, in one commit. Their numbers are not given again. What is kept of other
    /// nodes stays. `completion` as of `submit`.
    package func removeAll(
        completion: @escaping @Sendable (Result<Void, StoreError>) -> Void
    ) {
        let tables = tables
        shared.submit(weight: 1) { transaction throws(StoreError) in
            try tables.removeAll(in: transaction)
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
        after name: SessionName?,
        bytes: Int,
        limit: Int = .max,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> SessionPage {
        var found: [(name: SessionName, session: StoredSession)] = []
        var sum = 0
        var isLast = true
        try sessions.forEach(
            in: transaction, from: name.map { .excluding($0) } ?? .unbounded
        ) { (name, record) throws(StoreError) in
            if !found.isEmpty, sum >= bytes || found.count >= limit {
                isLast = false
                return .stop
            }
            let session = try session(of: record, in: transaction)
            sum += name.bytes.count + session.byteCount
            found.append((name, session))
            return .proceed
        }
        return SessionPage(
            sessions: found, isLast: isLast,
            taken: isLast ? try nodes.allTaken(in: transaction) : [])
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
