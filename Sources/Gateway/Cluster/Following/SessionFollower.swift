import Ledger
import Linux
import Sessions
import Storage
import Synchronization

/// Keeps stored sessions of other nodes, as they send them: one copy for each node that follows its own, in a store
/// of its own.
final class SessionFollower: Sendable {
    private struct Copy {
        let store: FollowedSessions

        /// Of the copy that is being sent; `nil`: what was on the disk.
        var id: UInt64?
        var last: UInt64 = 0

        /// This node takes its sessions over.
        var isInherited = false

        /// Nothing is in it.
        var isEmptied = false
    }

    private let copies = Mutex<[NodeName: Copy]>([:])
    private let data: String
    private let sizes: GatewayConfiguration.Storage
    private let neighbours: Neighbours
    private let ledger: Ledger
    private let log: GatewayLog?

    /// - Parameter data: the data directory.
    init(
        in data: String, _ sizes: GatewayConfiguration.Storage, _ ledger: Ledger,
        _ neighbours: Neighbours, _ log: GatewayLog?
    ) {
        self.ledger = ledger
        self.data = data
        self.sizes = sizes
        self.neighbours = neighbours
        self.log = log
    }

    private func path(of node: NodeName) -> String { FollowedSessions.path(of: node, in: data) }

    // MARK: What comes from the node

    func receive(_ mail: FollowMail, from node: NodeName) {
        switch mail {
        case .begin(let copy, let record):
            mayBegin(node, record)
                ? begin(copy, from: node) : post(.refused(copy: copy), to: node)
        case .changes(let copy, let number, let changes):
            guard let store = advance(to: number, of: copy, from: node) else { return }
            store.submit(changes.changes) { self.answer($0, number, of: copy, to: node) }
        case .complete(let copy, let number, let mark):
            guard let store = advance(to: number, of: copy, from: node) else { return }
            store.mark(number: mark) { self.answer($0, number, of: copy, to: node) }
        case .kept, .refused: break
        }
    }

    /// Not before this node's books are as far as the other one's, and not over a copy that is to be taken over.
    private func mayBegin(_ node: NodeName, _ number: UInt64) -> Bool {
        do throws(StoreError) {
            let record = try ledger.read { books, transaction throws(StoreError) in
                try books.sessionFollowing(of: node, in: transaction)
            }
            return record?.number ?? 0 >= number
                && record?.heirs.contains { $0.node == neighbours.node } != true
        } catch {
            return false
        }
    }

    private func begin(_ copy: UInt64, from node: NodeName) {
        let store = copies.withLock { copies -> FollowedSessions? in
            if copies[node]?.isInherited == true { return nil }
            guard let store = copies[node]?.store ?? open(node, isNew: true) else { return nil }
            copies[node] = Copy(store: store, id: copy)
            return store
        }
        guard let store else { return post(.refused(copy: copy), to: node) }
        store.begin { result in
            if case .failure = result { self.post(.refused(copy: copy), to: node) }
        }
    }

    /// The store that this is the next for; `nil`: something is missing, and the copy is given up.
    private func advance(
        to number: UInt64, of copy: UInt64, from node: NodeName
    ) -> FollowedSessions? {
        let store = copies.withLock { copies -> FollowedSessions? in
            guard let known = copies[node], known.id == copy, known.last + 1 == number,
                !known.isInherited
            else { return nil }
            copies[node]?.last = number
            return known.store
        }
        if store == nil { post(.refused(copy: copy), to: node) }
        return store
    }

    private func answer(
        _ result: Result<Void, StoreError>, _ number: UInt64, of copy: UInt64, to node: NodeName
    ) {
        switch result {
        case .success: post(.kept(copy: copy, number: number), to: node)
        case .failure: post(.refused(copy: copy), to: node)
        }
    }

    private func post(_ mail: FollowMail, to node: NodeName) {
        neighbours.post(mail.encoded(), to: node)
    }

    // MARK: Stores

    private func open(_ node: NodeName, isNew: Bool) -> FollowedSessions? {
        do {
            if isNew {
                let directory = FileSystem.parent(of: path(of: node))
                try FileSystem.createDirectory(directory, mode: 0o700)
                return try FollowedSessions(
                    directory: path(of: node), mapSizeBytes: sizes.usageMapBytes,
                    maximumMapSizeBytes: sizes.usageMapMaximumBytes)
            }
            return try FollowedSessions(
                of: node, in: data, mapSizeBytes: sizes.usageMapBytes,
                maximumMapSizeBytes: sizes.usageMapMaximumBytes)
        } catch {
            if isNew {
                log?.say(
                    .error, "another node's sessions can't be kept here",
                    .init("node", node.text), .init("error", "\(error)"))
            }
            return nil
        }
    }

    /// What the books would have to say for the copy of that node's sessions to be whole; `nil`: there is none.
    func mark(of node: NodeName) -> UInt64? {
        let store = copies.withLock { copies -> FollowedSessions? in
            if let known = copies[node] { return known.store }
            guard let store = open(node, isNew: false) else { return nil }
            copies[node] = Copy(store: store)
            return store
        }
        do throws(StoreError) {
            return try store?.marked()
        } catch {
            return nil
        }
    }

    /// A session of that node, as its copy has it.
    func copy(of node: NodeName, session name: SessionName) throws(StoreError) -> StoredSession? {
        try copies.withLock { $0[node]?.store }?.session(name)
    }

    /// From now on the copy only shrinks: this node takes over what is in it. `nil`: there is none that is whole.
    func inherit(_ node: NodeName, mark: UInt64) -> FollowedSessions? {
        guard self.mark(of: node) == mark else { return nil }
        return copies.withLock { copies in
            copies[node]?.isInherited = true
            return copies[node]?.store
        }
    }

    /// The copy is not needed any more. Its store stays open, as the node may send another one: nothing happens when it
    /// does already.
    func remove(_ node: NodeName) {
        copies.withLock { copies in
            guard let copy = copies[node], copy.id == nil || copy.isInherited else { return }
            copies[node] = Copy(store: copy.store, isEmptied: true)
            // In front of a copy that comes next.
            copy.store.begin { [log] result in
                guard case .failure(let error) = result else { return }
                log?.say(
                    .warning, "the sessions of another node can't be removed",
                    .init("node", node.text), .init("error", "\(error)"))
            }
        }
    }

    /// The copies that are open.
    var stores: [NodeName: FollowedSessions] { copies.withLock { $0.mapValues(\.store) } }

    func isInheriting(_ node: NodeName) -> Bool {
        copies.withLock { $0[node]?.isInherited ?? false }
    }

    /// Copies that nodes are sending, or have sent, since this process began.
    func isActive(_ node: NodeName) -> Bool { copies.withLock { $0[node]?.id != nil } }

    /// Of what is empty nothing stays on the disk.
    func close() {
        let all = copies.withLock { copies in
            defer { copies = [:] }
            return copies
        }
        for (node, copy) in all {
            copy.store.close()
            guard copy.isEmptied else { continue }
            let path = path(of: node)
            do throws(FileError) {
                try FileSystem.remove("\(path)/data.mdb")
                try FileSystem.removeDirectory(path)
            } catch {
                log?.say(
                    .warning, "an empty directory can't be removed", .init("path", path),
                    .init("error", "\(error)"))
            }
        }
    }
}

extension FollowedSessions {
    /// Where the copy of a node's sessions is. A node's name may be `.` or `..`.
    fileprivate static func path(of node: NodeName, in data: String) -> String {
        "\(data)/followed/node-\(node.text)"
    }

    /// Opens the copy of a node's sessions that is there.
    ///
    /// - Parameter data: the data directory.
    /// - Throws: `ENOENT` when there is none.
    convenience init(
        of node: NodeName, in data: String, mapSizeBytes: Int, maximumMapSizeBytes: Int
    ) throws(StoreError) {
        let path = Self.path(of: node, in: data)
        try Environment.require(at: path)
        try self.init(
            directory: path, mapSizeBytes: mapSizeBytes, maximumMapSizeBytes: maximumMapSizeBytes)
    }
}
