import Bytes
import Storage
import Time

/// How far the replicated log was applied to these books.
struct LogRecord: StorageRecord, Hashable, Sendable {
    /// Whose log it is.
    let cluster: ClusterID

    /// The position behind which these books, or those that they are a copy of, began to follow.
    let since: UInt64
    var mark: LogMark

    /// Which of the cluster's logs it is (`LogGeneration`).
    var generation: UInt64

    init(cluster: ClusterID, since: UInt64, mark: LogMark, generation: UInt64 = 1) {
        self.cluster = cluster
        self.since = since
        self.mark = mark
        self.generation = generation
    }

    private enum Version: UInt8, RecordVersion { case v1 = 1, v2 }

    func encode(into buffer: inout ByteBuffer) {
        buffer.append(Version.v2, cluster, since, mark, generation)
    }

    init(decoding reader: inout ByteReader) throws(MalformedRecord) {
        let version = try reader.take(Version.self, of: "log")
        cluster = try reader.take()
        since = try reader.take()
        mark = try reader.take()
        switch version {
        case .v1: generation = 1
        case .v2: generation = try reader.take()
        }
    }
}

/// What of a node's envelopes was applied.
struct SenderRecord: StorageRecord, Hashable, Sendable {
    /// The one that it has begun last; 0 when it never did.
    var epoch: UInt64

    /// Of the last envelope of that epoch; 0 when there was none but the hello.
    var number: UInt64

    /// Of the last entry of the node's in the log, whatever became of it.
    var position: UInt64

    /// How far the node had come when it sent the last envelope that counted, and when the log took that; `nil` when
    /// there was none since the books keep it.
    var applied: UInt64 = 0
    var at: Timestamp?

    /// For good.
    var isRemoved = false

    init(epoch: UInt64, number: UInt64, position: UInt64) {
        self.epoch = epoch
        self.number = number
        self.position = position
    }

    private enum Version: UInt8, RecordVersion { case v1 = 1, v2 }

    func encode(into buffer: inout ByteBuffer) {
        buffer.append(Version.v2)
        buffer.append(epoch)
        buffer.append(fields: number, position, applied, at, isRemoved)
    }

    init(decoding reader: inout ByteReader) throws(MalformedRecord) {
        let version = try reader.take(Version.self, of: "sender")
        epoch = try reader.takeUInt64()
        number = try reader.take()
        position = try reader.take()
        switch version {
        case .v1: break
        case .v2:
            applied = try reader.take()
            at = try reader.take()
            isRemoved = try reader.take()
        }
    }
}

/// Who owns which partitions of the clients, as it was assigned last.
struct PartitionsRecord: StorageRecord, Hashable, Sendable {
    let table: PartitionTable

    init(table: PartitionTable) { self.table = table }

    private enum Version: UInt8, RecordVersion { case v1 = 1 }

    func encode(into buffer: inout ByteBuffer) { buffer.append(Version.v1, table) }

    init(decoding reader: inout ByteReader) throws(MalformedRecord) {
        switch try reader.take(Version.self, of: "partitions") {
        case .v1: table = try reader.take()
        }
    }
}

/// Who keeps a node's stored sessions besides itself, as it was said last.
struct SessionFollowingRecord: StorageRecord, Hashable, Sendable {
    let following: SessionFollowing

    init(following: SessionFollowing) { self.following = following }

    private enum Version: UInt8, RecordVersion { case v1 = 1 }

    func encode(into buffer: inout ByteBuffer) { buffer.append(Version.v1, following) }

    init(decoding reader: inout ByteReader) throws(MalformedRecord) {
        switch try reader.take(Version.self, of: "following of sessions") {
        case .v1: following = try reader.take()
        }
    }
}
