internal import CLMDB
internal import Glibc
internal import Synchronization

/// What has happened to an environment beside reading and writing; for a log.
public enum EnvironmentEvent: Hashable, Sendable {
    /// It was opened again, after a failed write had made LMDB refuse everything.
    case reopened

    /// Its map is larger now.
    case grown(mapSizeBytes: Int)

    /// It could not be opened again: nothing will be read or written here any more. The process should end, so
    /// that it is started anew.
    case lost(StoreError)
}

/// What an environment remembers of its openings.
struct OpeningHistory {
    /// The newest transaction that each opening found, the first one's at 0.
    var transactions: [Int] = []

    /// The tables that are open, by their numbers, which have to stay the same.
    var tables: [(name: String, number: UInt32)] = []
    var loss: StoreError?
}

// LMDB refuses everything (`MDB_PANIC`) once a write of its meta page has failed: what is then in that page, only
// another opening can tell. So the environment is closed and opened again, while all other threads wait outside.
extension Environment {
    /// How long those inside may take to let go, and how long opening is tried.
    private static var patienceMilliseconds: UInt64 { 10_000 }

    /// How many times a transaction is begun that finds the environment stopped.
    private static var beginAttempts: Int { 3 }

    // MARK: Beginning

    /// Takes the newest snapshot.
    func begin(_ reader: Reader) throws(StoreError) {
        var attempt = 1
        while true {
            try gate.enter(reader)
            let generation = generation
            let code = unsafe reader.begin(in: handle)
            if code == MDB_SUCCESS { return }
            gate.leave(reader)
            try mend(code, generation, isLast: attempt == Self.beginAttempts)
            attempt += 1
        }
    }

    /// Begins a change; waits until the one before has ended. The number of the opening comes with it.
    func beginWriting() throws(StoreError) -> (OpaquePointer, generation: Int) {
        var attempt = 1
        while true {
            try gate.enter()
            let generation = generation
            var pointer: OpaquePointer?
            // Safe: the environment is not closed while this thread is inside.
            let code = unsafe mdb_txn_begin(handle, nil, 0, &pointer)
            if code == MDB_SUCCESS { return unsafe (pointer.unsafelyUnwrapped, generation) }
            gate.leave()
            try mend(code, generation, isLast: attempt == Self.beginAttempts)
            attempt += 1
        }
    }

    /// Opens the environment again, if that helps against what kept a transaction from beginning; else throws.
    private func mend(_ code: Int32, _ generation: Int, isLast: Bool) throws(StoreError) {
        guard !isLast, code == MDB_PANIC || code == MDB_MAP_RESIZED else {
            throw StoreError(lmdb: code, "mdb_txn_begin")
        }
        try reopen(after: generation)
    }

    // MARK: Ending

    /// What has become of a change whose commit ended with `code`. Throws when it is not in the store.
    ///
    /// After a failed write of the meta page it may be: what was written last is looked at when the environment
    /// has been opened again, and brought to the disk before that is called a success.
    func conclude(
        _ code: Int32,
        _ number: Int,
        _ generation: Int,
        _ tables: [(name: String, number: UInt32)]
    ) throws(StoreError) {
        if code != MDB_SUCCESS {
            let error = commitError(code)
            if isStopped(since: generation) { try reopen(after: generation) }
            let found = history.withLock { history in
                let next = generation + 1
                return history.transactions.indices.contains(next) ? history.transactions[next] : 0
            }
            if found < number { throw error }
        }
        guard !tables.isEmpty else { return }
        history.withLock { history in
            for table in tables where !history.tables.contains(where: { $0.number == table.number })
            {
                history.tables.append(table)
            }
        }
    }

    /// Whether LMDB refuses everything, or did and was opened again.
    private func isStopped(since generation: Int) -> Bool {
        let reader = Reader()
        defer { reader.end() }
        do throws(StoreError) {
            try gate.enter()
        } catch {
            return true
        }
        defer { gate.leave() }
        guard generation == self.generation else { return true }
        defer { reader.end() }
        return unsafe reader.begin(in: handle) == MDB_PANIC
    }

    // MARK: Opening again

    /// Closes the environment and opens it again, unless another thread has done so since `generation`. Throws
    /// when that can't be done, in which case nothing can any more.
    func reopen(after generation: Int) throws(StoreError) {
        let event = try history.withLock { history throws(StoreError) -> EnvironmentEvent? in
            if let loss = history.loss { throw loss }
            guard generation == self.generation else { return nil }
            do throws(StoreError) {
                try openAgain(&history, until: Deadline(milliseconds: Self.patienceMilliseconds))
                return .reopened
            } catch {
                return lose(error, &history)
            }
        }
        guard let event else { return }
        tell(event)
        if case .lost(let error) = event { throw error }
    }

    private func lose(_ error: StoreError, _ history: inout OpeningHistory) -> EnvironmentEvent {
        history.loss = error
        gate.lose(error)
        return .lost(error)
    }

    private func openAgain(
        _ history: inout OpeningHistory,
        until deadline: Deadline
    ) throws(StoreError) {
        guard gate.shut(until: deadline) else {
            throw .system(code: ETIMEDOUT, operation: "waiting for readers of \(path)")
        }
        while true {
            gate.endReaders()
            do throws(StoreError) {
                close()
                try open()
                try openTables(history.tables)
                try confirm()
                break
            } catch {
                if deadline.isOver { throw error }
                usleep(50_000)
            }
        }
        history.transactions.append(lastTransaction)
        didOpen()
        gate.open()
    }

    /// Opens the tables that were open, under the same numbers (`mdb_dbi_open`).
    private func openTables(_ tables: [(name: String, number: UInt32)]) throws(StoreError) {
        var transaction: OpaquePointer?
        // Safe: the environment is this thread's alone now; the transaction ends below, in either way.
        try StoreError.check(
            unsafe mdb_txn_begin(handle, nil, UInt32(MDB_RDONLY), &transaction), "mdb_txn_begin")
        for table in tables.sorted(by: { $0.number < $1.number }) {
            var number: UInt32 = 0
            var code = unsafe mdb_dbi_open(transaction, table.name, 0, &number)
            if code == MDB_SUCCESS && number != table.number { code = MDB_BAD_DBI }
            if code != MDB_SUCCESS {
                unsafe mdb_txn_abort(transaction)
                throw StoreError(lmdb: code, "mdb_dbi_open \(table.name)")
            }
        }
        try StoreError.check(unsafe mdb_txn_commit(transaction), "mdb_txn_commit")
    }

    /// A commit that failed may be in the store all the same, but perhaps not on the disk: one more commit
    /// brings both there.
    private func confirm() throws(StoreError) {
        guard lastTransaction > confirmedTransaction else { return }
        var transaction: OpaquePointer?
        // Safe: the environment is this thread's alone now; the transaction ends below, in either way.
        try StoreError.check(unsafe mdb_txn_begin(handle, nil, 0, &transaction), "mdb_txn_begin")
        let code = unsafe Self.touch(transaction)
        if code != MDB_SUCCESS {
            unsafe mdb_txn_abort(transaction)
            throw StoreError(lmdb: code, "mdb_put")
        }
        try StoreError.check(unsafe mdb_txn_commit(transaction), "mdb_txn_commit")
    }

    // MARK: Growing

    /// Share of the map from which on it is made larger, if it may.
    private static var fullEnough: Double { 0.8 }

    /// Makes the map larger, if it may become so and is getting full. Not while a copy is under way, which would have
    /// to begin anew: there is room left.
    func growIfDue() {
        guard mapSizeBytes < maximumMapSizeBytes, !gate.isCopying,
            figures.mapUsedRatio > Self.fullEnough
        else { return }
        grow()
    }

    /// Makes the map twice as large, if it may become so (`mdb_env_set_mapsize`), while all others wait
    /// outside. False when it has not.
    @discardableResult
    func grow() -> Bool {
        let event = history.withLock { history -> EnvironmentEvent? in
            let size = min(maximumMapSizeBytes, 2 * mapSizeBytes)
            guard history.loss == nil, size > mapSizeBytes else { return nil }
            let deadline = Deadline(milliseconds: Self.patienceMilliseconds)
            guard gate.shut(until: deadline) else {
                // The next commit asks again.
                gate.open()
                return nil
            }
            let before = mapSizeBytes
            mapSize.store(size, ordering: .relaxed)
            // Safe: no transaction is under way.
            if unsafe mdb_env_set_mapsize(handle, size) == MDB_SUCCESS {
                gate.open()
                return .grown(mapSizeBytes: size)
            }
            mapSize.store(before, ordering: .relaxed)
            do throws(StoreError) {
                try openAgain(&history, until: deadline)
                return .reopened
            } catch {
                return lose(error, &history)
            }
        }
        guard let event else { return false }
        tell(event)
        if case .grown = event { return true }
        return false
    }
}
