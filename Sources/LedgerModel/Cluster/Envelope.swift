public import Bytes
public import Encoding

/// Commands of one node, as they travel through the replicated log together.
///
/// The log promises neither that an entry is in it once nor that entries keep their order when some are
/// sent again. The envelope makes up for it: the books apply a node's envelopes by their numbers, each
/// once, without a gap, and only those of the epoch that the node began last.
public struct Envelope: Hashable, Sendable {
    public let cluster: ClusterID
    public let sender: NodeName

    /// Made at random by each start of a node.
    public let epoch: UInt64

    /// How far the sender had applied the log when it first sent this, so that each node can compare.
    public let mark: LogMark
    public let content: Content

    public enum Content: Hashable, Sendable {
        /// Begins the epoch, if `after` is the sender's latest one so far (0: it had none): all of an older one
        /// that is still on its way is void from here on.
        case hello(after: UInt64)

        /// The first after the hello has the number 1.
        case commands(number: UInt64, [Command])
    }

    public init(
        cluster: ClusterID, sender: NodeName, epoch: UInt64, mark: LogMark, content: Content
    ) {
        self.cluster = cluster
        self.sender = sender
        self.epoch = epoch
        self.mark = mark
        self.content = content
    }

    /// 0 for a hello.
    public var number: UInt64 {
        switch content {
        case .hello: 0
        case .commands(let number, _): number
        }
    }

    /// As it travels.
    package var bytes: [UInt8] {
        var buffer = ByteBuffer()
        encode(into: &buffer)
        return buffer.span.bytesArray
    }

    /// In one envelope.
    public static var maximumCommands: Int { 512 }

    /// Of the commands in one envelope together, in bytes.
    public static var maximumBytes: Int { 512 * 1_024 }
}

/// The bytes of an entry of the log: a version byte first.
extension Envelope: StorageRecord {
    private enum Version: UInt8, RecordVersion { case v1 = 1 }

    public func encode(into buffer: inout ByteBuffer) {
        buffer.append(Version.v1, cluster, sender)
        buffer.append(epoch)
        buffer.append(fields: mark, content)
    }

    public init(decoding reader: inout ByteReader) throws(MalformedRecord) {
        switch try reader.take(Version.self, of: "entry of the log") {
        case .v1:
            cluster = try reader.take()
            sender = try reader.take()
            epoch = try reader.takeUInt64()
            mark = try reader.take()
            content = try reader.take()
        }
    }
}

extension Envelope.Content: TaggedRecord {
    enum Tag: UInt16, RecordTag {
        case hello = 1
        case commands = 2
    }

    package func encode(into buffer: inout ByteBuffer) {
        switch self {
        case .hello(let after):
            buffer.append(Tag.hello)
            buffer.append(after)
        case .commands(let number, let commands): buffer.append(Tag.commands, number, commands)
        }
    }

    package init(from reader: inout ByteReader) throws(MalformedRecord) {
        self =
            switch try reader.takeTag(of: Self.self) {
            case .hello: .hello(after: try reader.takeUInt64())
            case .commands: try reader.make(Self.commands)
            }
    }
}

extension Command: RecordField {}
