import Glibc

enum Seed {
    /// Another one in each run; `TOLLGATE_SEED` repeats one that a failure has named.
    static let fresh: UInt64 =
        unsafe getenv("TOLLGATE_SEED").flatMap { unsafe UInt64(String(cString: $0)) }
        ?? .random(in: 1_000...UInt64(UInt32.max))
}
