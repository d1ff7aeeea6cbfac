import CLMDB

/// LMDB as C would use it: what the module is measured against.
@safe
struct RawStore: ~Copyable {
    private var environment: OpaquePointer?
    private var table: MDB_dbi = 0

    init(path: String) {
        // Safe: each call gets what it asks for; a failure ends the benchmark.
        unsafe check(mdb_env_create(&environment))
        unsafe check(mdb_env_set_mapsize(environment, 8 << 30))
        unsafe check(mdb_env_set_maxdbs(environment, 4))
        unsafe check(mdb_env_open(environment, path, UInt32(MDB_NOTLS), 0o600))
        var transaction: OpaquePointer?
        unsafe check(mdb_txn_begin(environment, nil, 0, &transaction))
        unsafe check(mdb_dbi_open(transaction, "records", UInt32(MDB_CREATE), &table))
        unsafe check(mdb_txn_commit(transaction))
    }

    deinit { unsafe mdb_env_close(environment) }

    /// One synced transaction with these keys.
    func write(_ keys: ArraySlice<UInt64>, _ record: inout [UInt8]) {
        var transaction: OpaquePointer?
        unsafe check(mdb_txn_begin(environment, nil, 0, &transaction))
        for key in keys {
            var bytes = key.bigEndian
            // Safe: LMDB copies the key and the record during the call.
            let code = unsafe withUnsafeMutableBytes(of: &bytes) { key in
                unsafe record.withUnsafeMutableBytes { record in
                    var name = unsafe MDB_val(mv_size: 8, mv_data: key.baseAddress)
                    var value = unsafe MDB_val(mv_size: record.count, mv_data: record.baseAddress)
                    return unsafe mdb_put(transaction, table, &name, &value, 0)
                }
            }
            check(code)
        }
        unsafe check(mdb_txn_commit(transaction))
    }

    /// The sum of the sizes found, so that the reads are not optimised away: a renewed transaction
    /// for every `perSnapshot` keys.
    func read(_ keys: [UInt64], perSnapshot: Int) -> Int {
        var transaction: OpaquePointer?
        unsafe check(mdb_txn_begin(environment, nil, UInt32(MDB_RDONLY), &transaction))
        unsafe mdb_txn_reset(transaction)
        var sum = 0
        var start = 0
        while start < keys.count {
            unsafe check(mdb_txn_renew(transaction))
            for key in keys[start..<min(start + perSnapshot, keys.count)] {
                var bytes = key.bigEndian
                var value = unsafe MDB_val()
                // Safe: LMDB reads the key during the call, and the record is there until the reset.
                let code = unsafe withUnsafeMutableBytes(of: &bytes) { key in
                    var name = unsafe MDB_val(mv_size: 8, mv_data: key.baseAddress)
                    return unsafe mdb_get(transaction, table, &name, &value)
                }
                check(code)
                sum += unsafe value.mv_size
            }
            unsafe mdb_txn_reset(transaction)
            start += perSnapshot
        }
        unsafe mdb_txn_abort(transaction)
        return sum
    }
}

private func check(_ code: Int32) {
    precondition(code == MDB_SUCCESS, "LMDB answered \(code)")
}
