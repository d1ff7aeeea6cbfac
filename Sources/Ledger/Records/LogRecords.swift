import Bytes
import Storage

/// How far the replicated log was applied to these books.
struct LogRecord: StorageRecord, Hashable, Sendable {
    /// Whose log it is.
    let cluster: ClusterID

    /// The position behind which these books, or those that they are a copy of, began to follow.
    let since: UInt64
    var mark: LogMark

    init(cluster: ClusterID, since: UInt64, mark: LogMark) {
        self.cluster = cluster
        self.since = since
        self.mark = mark
    }

    private enum Version: UInt8, RecordVersion { case v1 = 1 }

    func encode(into buffer: inout ByteBuffer) {
        buffer.append(Version.v1, cluster, since, mark)
    }

    init(decoding reader: inout ByteReader) throws(MalformedRecord) {
        switch try reader.take(Version.self, of: "log") {
        case .v1: self = try reader.make(Self.init(cluster:since:mark:))
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

    init(epoch: UInt64, number: UInt64, position: UInt64) {
        self.epoch = epoch
        self.number = number
        self.position = position
    }

    private enum Version: UInt8, RecordVersion { case v1 = 1 }

    func encode(into buffer: inout ByteBuffer) {
        buffer.append(Version.v1)
        buffer.append(epoch)
        buffer.append(fields: number, position)
    }

    init(decoding reader: inout ByteReader) throws(MalformedRecord) {
        switch try reader.take(Version.self, of: "sender") {
        case .v1:
            epoch = try reader.takeUInt64()
            number = try reader.take()
            position = try reader.take()
        }
    }
}
