import CLMDB

/// LMDB as C would use it, with keys and records of the sizes the ledger writes: what activations are
/// measured against.
@safe
struct RawStore: ~Copyable {
    private var environment: OpaquePointer?
    private var table: MDB_dbi = 0

    init(path: String) {
        // Safe: each call gets what it asks for; a failure ends the benchmark.
        unsafe check(mdb_env_create(&environment))
        unsafe check(mdb_env_set_mapsize(environment, 16 << 30))
        unsafe check(mdb_env_set_maxdbs(environment, 4))
        unsafe check(mdb_env_open(environment, path, UInt32(MDB_NOTLS), 0o600))
        var transaction: OpaquePointer?
        unsafe check(mdb_txn_begin(environment, nil, 0, &transaction))
        unsafe check(mdb_dbi_open(transaction, "records", UInt32(MDB_CREATE), &table))
        unsafe check(mdb_txn_commit(transaction))
    }

    deinit { unsafe mdb_env_close(environment) }

    /// One synced transaction of `count` records of 96 bytes at random keys.
    func write(_ count: Int) {
        var record = [UInt8](repeating: 0x55, count: 96)
        var transaction: OpaquePointer?
        unsafe check(mdb_txn_begin(environment, nil, 0, &transaction))
        for _ in 0..<count {
            var bytes = UInt64.random(in: 0...UInt64.max)
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
}

private func check(_ code: Int32) {
    precondition(code == MDB_SUCCESS, "LMDB answered \(code)")
}
