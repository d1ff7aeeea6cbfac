import Sessions
import Storage
import Time

/// A store of sessions, written to and waited for.
final class OpenStore: Sendable {
    let shared: SharedEnvironment
    let store: SessionStore

    init(_ path: String, durability: Durability = .unsynced) throws(StoreError) {
        shared = try SharedEnvironment(
            path: path, mapSizeBytes: 1 << 30, durability: durability)
        store = try SessionStore(in: shared)
    }

    func write(_ changes: SessionChange...) throws(StoreError) { try write(changes) }

    func write(_ changes: [SessionChange]) throws(StoreError) {
        let answer = Answer()
        store.submit(changes) { answer.set($0) }
        try answer.wait()
    }

    func session(_ name: SessionName) throws(StoreError) -> StoredSession? {
        var reader = try store.reader()
        return try reader.session(name)
    }

    func due(
        at time: Timestamp,
        after last: DueSession? = nil,
        limit: Int = 100
    ) throws(StoreError) -> [DueSession] {
        var reader = try store.reader()
        return try reader.due(at: time, after: last, limit: limit)
    }

    /// A session that is connected; its number.
    func begin(
        _ name: SessionName,
        expiryIntervalSeconds: UInt32 = 600
    ) throws(StoreError) -> SessionNumber {
        let number = store.newNumber()
        let record = Sample.record(number, expiryIntervalSeconds: expiryIntervalSeconds)
        try write(.put(name, record))
        return number
    }
}
