import Glibc

enum Seed {
    /// Another one in each run, which says it, in case that it ends the run; `TOLLGATE_SEED` repeats it.
    static let fresh: UInt64 = {
        let given = unsafe getenv("TOLLGATE_SEED").flatMap { unsafe UInt64(String(cString: $0)) }
        let seed = given ?? .random(in: 1_000...UInt64(UInt32.max))
        print("ledger tests: seed \(seed) (TOLLGATE_SEED repeats it)")
        return seed
    }()
}
