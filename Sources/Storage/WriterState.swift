internal import Glibc

/// What an environment knows about its write transaction under way.
struct WriterState {
    /// Records lent out right now.
    var lentRecords = 0

    /// How many more puts and deletes pass; tests lower it, to end a change between any two of them.
    private(set) var writesLeft = Int.max

    mutating func countWrite() throws(StoreError) {
        if writesLeft == 0 { throw Self.forbidden }
        writesLeft -= 1
    }

    static var forbidden: StoreError {
        .system(code: EIO, operation: "a write that a test forbids")
    }

    mutating func allow(writes count: Int) { writesLeft = count }
}

extension Environment {
    /// Lets so many more puts and deletes pass; each one after them fails, and aborts its transaction.
    /// For tests; on the thread that writes, or while none does.
    func allow(writes count: Int) {
        // Safe: freed in `deinit` only, and nobody else touches it now.
        unsafe writerState.pointee.allow(writes: count)
    }
}
