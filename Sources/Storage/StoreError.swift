internal import CLMDB
public import Encoding
internal import Glibc

/// Why the store could not do what it was asked. Nothing of a failed transaction is in the store.
public enum StoreError: Error, Hashable, Sendable {
    /// The map has no room for what the transaction writes (`MDB_MAP_FULL`). Deleting records helps
    /// as long as there are pages left to do it in; opening with a larger map always does.
    case mapFull

    /// The file system has no room, or a quota or file size limit was met (`ENOSPC`, `EDQUOT`,
    /// `EFBIG`). Writing works again as soon as there is space.
    case diskFull

    /// This process has an environment open at that path already; share that one.
    case alreadyOpen(path: String)

    /// Another process has the environment at that path open.
    case ownedByAnotherProcess(path: String)

    /// A record's or key's bytes are not what its type writes.
    case malformed(what: String)

    /// A newer program has written the store: its format, and the newest that this program knows.
    case newerFormat(Int, known: Int)

    /// The writer has been shut down, and takes no more requests.
    case shutDown

    /// As many requests as the writer's limit allows are waiting; this one was not taken.
    case queueFull

    /// The request was taken, and there is no answer after so long: it may still be carried out.
    case unanswered(seconds: Int64)

    /// The request is larger than one may be; it was not taken.
    case requestTooLarge(bytes: Int, maximumBytes: Int)

    /// What is in the store must not be taken further until a person has looked, and why: a sentence without
    /// a full stop.
    case stopped(why: String)

    /// A system call failed: its errno, and what was being done.
    case system(code: Int32, operation: String)

    /// LMDB failed: its code, or an errno, and the C function.
    case lmdb(code: Int32, operation: String)

    /// Whether more space, in the map or on the disk, would have let the write pass.
    public var isOutOfSpace: Bool { self == .mapFull || self == .diskFull }

    public init(_ error: MalformedRecord) { self = .malformed(what: error.what) }

    /// Throws unless `code` is `MDB_SUCCESS`.
    static func check(_ code: Int32, _ operation: String) throws(StoreError) {
        if code != MDB_SUCCESS { throw StoreError(lmdb: code, operation) }
    }

    /// Whether there is something: false for `MDB_NOTFOUND`; throws for any other failure.
    static func isFound(_ code: Int32, _ operation: String) throws(StoreError) -> Bool {
        if code == MDB_NOTFOUND { return false }
        try check(code, operation)
        return true
    }

    init(lmdb code: Int32, _ operation: String) {
        self =
            switch code {
            case MDB_MAP_FULL: .mapFull
            case ENOSPC, EDQUOT, EFBIG: .diskFull
            default: .lmdb(code: code, operation: operation)
            }
    }

    /// The system call that has just failed, from `errno`.
    static func fromErrno(_ operation: String) -> StoreError {
        let code = errno
        return switch code {
        case ENOSPC, EDQUOT: .diskFull
        default: .system(code: code, operation: operation)
        }
    }
}

extension StoreError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .mapFull: "the store's map is full"
        case .diskFull: "no space left for the store on its file system"
        case .alreadyOpen(let path): "the store at \(path) is open in this process already"
        case .ownedByAnotherProcess(let path): "the store at \(path) is open in another process"
        case .malformed(let what): "malformed in the store: \(what)"
        case .newerFormat(let number, let known):
            "the store was written by a newer Tollgate (format \(number); this one knows \(known))"
        case .shutDown: "the store's writer has been shut down"
        case .queueFull: "too many requests wait for the store's writer"
        case .unanswered(let seconds):
            "there is no answer after \(seconds) s, and the change may still be made: with an Idempotency-Key, send "
                + "the same again; without one, look first whether it was made"
        case .requestTooLarge(let bytes, let maximum):
            "the request has \(bytes) bytes, and one may have \(maximum): split it"
        case .stopped(let why): why
        case .system(let code, let operation), .lmdb(let code, let operation):
            // Safe: `mdb_strerror` answers a terminated string for every code, errno or its own;
            // it is copied here.
            "\(operation): \(unsafe String(cString: mdb_strerror(code)))"
        }
    }
}
