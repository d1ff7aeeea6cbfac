import Synchronization

/// A connection on its way to its client's home shard: descriptor, TLS session, and the CONNECT that
/// named the client, unread. Taken once.
final class HandOver: Sendable {
    private let connection: Mutex<Connection?>

    init(_ connection: consuming Connection) {
        self.connection = Mutex(consume connection)
    }

    /// The connection, the first time.
    func take() -> Connection? {
        connection.withLock { connection in
            var taken: Connection?
            swap(&taken, &connection)
            return taken
        }
    }
}
