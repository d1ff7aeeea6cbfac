internal import CLMDB

/// Disk space that is taken ahead of a store's end, so that what a commit adds there has its place already
/// (`fallocate`): a disk that fills up shows in good time, and the commits on their way still pass.
///
/// The file's size stays what LMDB has made it. A file system that overwrites in place keeps the promise; one that
/// copies on write may still refuse a write, which LMDB then answers.
struct SpaceReserve {
    /// Up to where space is taken.
    private var endBytes = 0

    /// A file system that can't, or a disk that is full, is asked again that much later.
    private var nextAttemptBytes = 0

    /// How far ahead, at least; taken twice as much at a time.
    private static var aheadBytes: Int { 4 << 20 }

    /// Takes more when there is less than `aheadBytes` left ahead of `usedBytes`; what there is no room for is
    /// not an error.
    mutating func extend(_ descriptor: Int32, usedBytes: Int, limit: Int) {
        let wanted = min(limit, usedBytes + 2 * Self.aheadBytes)
        guard usedBytes + Self.aheadBytes > endBytes, wanted > endBytes,
            usedBytes >= nextAttemptBytes
        else { return }
        let start = max(endBytes, usedBytes)
        if clmdb_reserve(descriptor, Int64(start), Int64(wanted - start)) == 0 {
            endBytes = wanted
        } else {
            nextAttemptBytes = usedBytes + (1 << 20)
        }
    }
}
