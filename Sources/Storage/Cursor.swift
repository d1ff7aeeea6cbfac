internal import CLMDB

extension TransactionHandle {
    /// Calls `body` with the keys and records of `range`, in order, until it stops or `limit` were
    /// seen.
    @usableFromInline
    func scan(
        _ range: ScanRange,
        in table: UInt32,
        limit: Int,
        _ body: (Span<UInt8>, Span<UInt8>) throws(StoreError) -> Iteration
    ) throws(StoreError) {
        var cursor = try Cursor(self, table: table)
        var isThere = try begin(range, &cursor)
        var left = limit
        while isThere && left > 0 {
            try requireTime()
            let key = cursor.currentKey(lentBy: self)
            guard range.contains(key) else { return }
            let record = cursor.currentRecord(lentBy: self)
            lend()
            defer { takeBack() }
            if try body(key, record) == .stop { return }
            left -= 1
            isThere = try cursor.move(range.isReversed ? MDB_PREV : MDB_NEXT)
        }
    }

    /// Puts the cursor at the range's first key in its direction, or past it if there is none.
    private func begin(_ range: ScanRange, _ cursor: inout Cursor) throws(StoreError) -> Bool {
        range.isReversed ? try beginAtUpper(range, &cursor) : try beginAtLower(range, &cursor)
    }

    private func beginAtLower(
        _ range: ScanRange, _ cursor: inout Cursor
    ) throws(StoreError) -> Bool {
        let isPrefixHigher = range.lower.order(to: range.prefix) < 0
        let start = isPrefixHigher ? range.prefix : range.lower
        if start.isEmpty { return try cursor.move(MDB_FIRST) }
        guard try cursor.seek(start) else { return false }
        if range.isAboveLower(cursor.currentKey(lentBy: self)) { return true }
        return try cursor.move(MDB_NEXT)
    }

    private func beginAtUpper(
        _ range: ScanRange, _ cursor: inout Cursor
    ) throws(StoreError) -> Bool {
        var end = KeyWriter()
        end.append(range.prefix)
        let hasEnd = end.advancePastPrefix()
        if range.upper.isEmpty || (hasEnd && end.span.order(to: range.upper) <= 0) {
            if !hasEnd { return try cursor.move(MDB_LAST) }
            return try cursor.seekBackward(end.span, including: false, lentBy: self)
        }
        return try cursor.seekBackward(range.upper, including: range.includesUpper, lentBy: self)
    }
}

extension TransactionHandle {
    /// Calls `body` with the keys and records from `start` on, where it says.
    @usableFromInline
    func leap(
        in table: UInt32,
        from start: Span<UInt8>,
        _ body: (Span<UInt8>, Span<UInt8>, inout KeyWriter) throws(StoreError) -> Leap
    ) throws(StoreError) {
        var cursor = try Cursor(self, table: table)
        var target = KeyWriter()
        var isThere = start.isEmpty ? try cursor.move(MDB_FIRST) : try cursor.seek(start)
        while isThere {
            try requireTime()
            let key = cursor.currentKey(lentBy: self)
            let record = cursor.currentRecord(lentBy: self)
            target.removeAll()
            switch try lending({ () throws(StoreError) in try body(key, record, &target) }) {
            case .stop: return
            case .next: isThere = try cursor.move(MDB_NEXT)
            case .toTarget:
                precondition(target.span.order(to: key) > 0, "a leap goes forward")
                isThere = try cursor.seek(target.span)
            }
        }
    }

    /// Runs `body` while a record is lent out.
    private func lending(_ body: () throws(StoreError) -> Leap) throws(StoreError) -> Leap {
        lend()
        defer { takeBack() }
        return try body()
    }
}

/// A range of encoded keys, and which way through it.
@usableFromInline
struct ScanRange: ~Escapable {
    /// What every key begins with; empty for all.
    @usableFromInline let prefix: Span<UInt8>

    /// The ends; an empty one is unbounded, as no key is empty.
    @usableFromInline let lower: Span<UInt8>
    @usableFromInline let upper: Span<UInt8>
    @usableFromInline let includesLower: Bool
    @usableFromInline let includesUpper: Bool
    @usableFromInline let isReversed: Bool

    @inlinable
    @_lifetime(copy prefix, copy lower, copy upper)
    init(
        prefix: Span<UInt8>,
        lower: Span<UInt8>,
        includesLower: Bool,
        upper: Span<UInt8>,
        includesUpper: Bool,
        isReversed: Bool
    ) {
        self.prefix = prefix
        self.lower = lower
        self.upper = upper
        self.includesLower = includesLower
        self.includesUpper = includesUpper
        self.isReversed = isReversed
    }

    /// Whether `key` is at or above the lower end.
    func isAboveLower(_ key: Span<UInt8>) -> Bool {
        if lower.isEmpty { return true }
        let order = key.order(to: lower)
        return order > 0 || (order == 0 && includesLower)
    }

    /// Whether `key` is at or below the upper end.
    func isBelowUpper(_ key: Span<UInt8>) -> Bool {
        if upper.isEmpty { return true }
        let order = key.order(to: upper)
        return order < 0 || (order == 0 && includesUpper)
    }

    func contains(_ key: Span<UInt8>) -> Bool {
        key.starts(with: prefix) && isAboveLower(key) && isBelowUpper(key)
    }
}

extension Span<UInt8> {
    /// Negative, zero or positive as these bytes order before, with or after `other`: byte by byte,
    /// then the shorter one first, which is LMDB's own order.
    func order(to other: Span<UInt8>) -> Int {
        for index in 0..<Swift.min(count, other.count) where self[index] != other[index] {
            return Int(self[index]) - Int(other[index])
        }
        return count - other.count
    }

    func starts(with prefix: Span<UInt8>) -> Bool {
        guard count >= prefix.count else { return false }
        for index in prefix.indices where self[index] != prefix[index] { return false }
        return true
    }
}

/// A position in a table, for the length of one scan. It is closed before its transaction ends.
@safe
struct Cursor: ~Copyable {
    private let pointer: OpaquePointer
    private var key = unsafe MDB_val()
    private var record = unsafe MDB_val()

    /// Opens a cursor (`mdb_cursor_open`).
    init(_ handle: TransactionHandle, table: UInt32) throws(StoreError) {
        var pointer: OpaquePointer?
        // Safe: the transaction is open as long as its handle may be used.
        let code = unsafe mdb_cursor_open(handle.pointer, table, &pointer)
        try StoreError.check(code, "mdb_cursor_open")
        unsafe self.pointer = pointer.unsafelyUnwrapped
    }

    deinit {
        // Safe: closed once, while its transaction is open: `scan` alone makes cursors, inside one.
        unsafe mdb_cursor_close(pointer)
    }

    /// Moves; false when there is nothing there (`mdb_cursor_get`).
    mutating func move(_ operation: MDB_cursor_op) throws(StoreError) -> Bool {
        // Safe: both values are filled during the call.
        let code = unsafe mdb_cursor_get(pointer, &key, &record, operation)
        return try StoreError.isFound(code, "mdb_cursor_get")
    }

    /// Moves to the first key at or after `target`; false when there is none.
    mutating func seek(_ target: Span<UInt8>) throws(StoreError) -> Bool {
        // Safe: LMDB reads the target during the call, and then points `key` into the map.
        let code = unsafe target.withUnsafeBytes { bytes in
            unsafe key = MDB_val(borrowing: bytes)
            return unsafe mdb_cursor_get(pointer, &key, &record, MDB_SET_RANGE)
        }
        return try StoreError.isFound(code, "mdb_cursor_get")
    }

    /// Moves to the last key before `target`, or at it when that is `including`.
    mutating func seekBackward(
        _ target: Span<UInt8>,
        including: Bool,
        lentBy handle: TransactionHandle
    ) throws(StoreError) -> Bool {
        guard try seek(target) else { return try move(MDB_LAST) }
        if including && currentKey(lentBy: handle).order(to: target) == 0 { return true }
        return try move(MDB_PREV)
    }

    /// The key and the record where the cursor is, after a move that answered true.
    @_lifetime(copy handle)
    func currentKey(lentBy handle: TransactionHandle) -> Span<UInt8> {
        // Safe: LMDB keeps the bytes until the transaction ends or writes; who lends them to
        // others counts that in `handle`.
        unsafe key.span(lentBy: handle)
    }

    @_lifetime(copy handle)
    func currentRecord(lentBy handle: TransactionHandle) -> Span<UInt8> {
        unsafe record.span(lentBy: handle)
    }
}
