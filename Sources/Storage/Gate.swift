internal import CLMDB
internal import Glibc
internal import Synchronization

/// Which threads are in an environment right now, and what keeps them out while it is opened again.
///
/// Going in and out costs a reader that is kept no more than two stores to a flag of its own. A thread that finds
/// the gate shut waits, for milliseconds.
final class Gate: Sendable {
    private let isShut = Atomic<Bool>(false)

    /// Threads inside that have no reader: the writer, copies, questions for figures.
    private let visitors = Atomic<Int>(0)
    private let readers = Mutex<[ObjectIdentifier: Reader]>([:])
    private let copies = Mutex<[ObjectIdentifier: CopyWatch]>([:])

    /// Why it will not be opened any more.
    private let loss = Mutex<StoreError?>(nil)

    /// Those inside are asked to let go.
    var isWanted: Bool { isShut.load(ordering: .relaxed) }

    // MARK: In and out

    func enter() throws(StoreError) {
        while true {
            visitors.add(1, ordering: .sequentiallyConsistent)
            if !isShut.load(ordering: .sequentiallyConsistent) { return }
            visitors.subtract(1, ordering: .sequentiallyConsistent)
            try waitUntilOpen()
        }
    }

    func leave() { visitors.subtract(1, ordering: .sequentiallyConsistent) }

    func enter(_ reader: Reader) throws(StoreError) {
        while true {
            reader.isInside.store(true, ordering: .sequentiallyConsistent)
            if !isShut.load(ordering: .sequentiallyConsistent) { return }
            reader.isInside.store(false, ordering: .sequentiallyConsistent)
            try waitUntilOpen()
        }
    }

    func leave(_ reader: Reader) { reader.isInside.store(false, ordering: .releasing) }

    private func waitUntilOpen() throws(StoreError) {
        while isShut.load(ordering: .acquiring) {
            if let loss = loss.withLock({ $0 }) { throw loss }
            usleep(500)
        }
    }

    // MARK: Readers and copies

    func add(_ reader: Reader) { readers.withLock { $0[ObjectIdentifier(reader)] = reader } }

    /// Ends the reader's transaction, which may be reset or none, and forgets it.
    func remove(_ reader: Reader) {
        readers.withLock { readers in
            readers[ObjectIdentifier(reader)] = nil
            reader.end()
        }
        leave(reader)
    }

    /// Stops the copy when those inside are asked to let go.
    func add(_ copy: CopyWatch) {
        copies.withLock { $0[ObjectIdentifier(copy)] = copy }
        if isWanted { copy.callOff() }
    }

    var isCopying: Bool { copies.withLock { !$0.isEmpty } }

    func remove(_ copy: CopyWatch) { copies.withLock { $0[ObjectIdentifier(copy)] = nil } }

    // MARK: Shutting

    /// Lets no thread in, and waits until all are out; false when some still are at the deadline.
    func shut(until deadline: Deadline) -> Bool {
        isShut.store(true, ordering: .sequentiallyConsistent)
        for copy in copies.withLock({ Array($0.values) }) { copy.callOff() }
        while !isEmpty {
            if deadline.isOver { return false }
            usleep(200)
        }
        return true
    }

    private var isEmpty: Bool {
        visitors.load(ordering: .sequentiallyConsistent) == 0
            && readers.withLock { readers in
                readers.values.allSatisfy { !$0.isInside.load(ordering: .sequentiallyConsistent) }
            }
    }

    /// Ends the transactions that readers have kept for their next use. All threads are out.
    func endReaders() {
        readers.withLock { readers in
            for reader in readers.values { reader.end() }
        }
    }

    func open() { isShut.store(false, ordering: .sequentiallyConsistent) }

    /// Stays shut; every thread that waits or comes gets the error.
    func lose(_ error: StoreError) { loss.withLock { $0 = error } }
}

/// A read transaction, where it can be ended when the environment is opened again.
@safe
final class Reader: Sendable {
    let isInside = Atomic<Bool>(false)

    /// `nil` until it is first used, and after the environment was opened again.
    // Safe: touched by its thread while it is inside, and by others only under the gate's lock, while it is not.
    nonisolated(unsafe) private(set) var pointer: OpaquePointer?

    /// Takes the newest snapshot, with the transaction that was kept or a new one (`mdb_txn_renew`,
    /// `mdb_txn_begin`). Answers LMDB's code.
    func begin(in handle: OpaquePointer?) -> Int32 {
        if let kept = unsafe pointer {
            // Safe: it is read-only and reset.
            let code = unsafe mdb_txn_renew(kept)
            if code == MDB_SUCCESS { return code }
            end()
            if code != MDB_BAD_RSLOT { return code }
        }
        // Safe: the caller is inside, so the environment is open.
        return unsafe mdb_txn_begin(handle, nil, UInt32(MDB_RDONLY), &pointer)
    }

    /// Lets go of the snapshot, and keeps memory and reader slot for the next use (`mdb_txn_reset`).
    func reset() {
        // Safe: the transaction is read-only and open.
        unsafe mdb_txn_reset(pointer)
    }

    func end() {
        // Safe: also good in the reset state; aborted once, as it is forgotten here.
        if let open = unsafe pointer { unsafe mdb_txn_abort(open) }
        unsafe pointer = nil
    }
}

/// A moment of the monotonic clock until which something may take.
struct Deadline {
    private let nanoseconds: UInt64

    init(milliseconds: UInt64) { nanoseconds = monotonicNanoseconds() + milliseconds * 1_000_000 }

    var isOver: Bool { monotonicNanoseconds() >= nanoseconds }
}

private func monotonicNanoseconds() -> UInt64 {
    var time = timespec()
    // Safe: the function fills the structure during the call.
    unsafe clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
}
