/// What a commit has done by the time it returns.
public enum Durability: Sendable {
    /// It is on the disk (`fdatasync` of pages and of the meta page).
    case synced

    /// All but the newest commit is on the disk; a power cut may undo that one, and leaves the store
    /// whole (`MDB_NOMETASYNC`).
    case lagging

    /// The kernel has it: it outlives the process. A power cut may damage the store, unless the
    /// file system keeps the order of writes; `Environment.sync()` is the caller's (`MDB_NOSYNC`).
    case unsynced
}
