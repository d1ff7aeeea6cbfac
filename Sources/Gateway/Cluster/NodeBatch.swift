import Bytes
import Sessions
import Storage
import Time

/// Messages of one turn of a shard for one shard of another node, as they travel together.
///
/// A version, who sends to whom, the sender's clock, and the messages one behind the other, each behind its length. A
/// message's end (3.3.2.3.3) is a time of the sender's clock: the receiver moves it by the difference, as no two clocks
/// are the same. A message that can't be read is passed over alone: a later program may have said it.
struct NodeBatch {
    /// What a link carries for the node itself, and not for one of its shards.
    static let everyShard: UInt8 = 255

    /// Shards of a node that can be named.
    static let maximumShards = 255

    private static let version: UInt8 = 1
    private static let headBytes = 11

    private var bytes: [UInt8] = []

    var isEmpty: Bool { bytes.isEmpty }
    var byteCount: Int { bytes.count }

    /// - Parameter scratch: memory to encode in.
    mutating func append(
        _ mail: NodeMail, from shard: Int, to peerShard: Int, at time: Timestamp,
        _ scratch: inout ByteBuffer
    ) {
        if bytes.isEmpty {
            scratch.removeAll()
            scratch.append(Self.version)
            scratch.append(UInt8(shard))
            scratch.append(UInt8(peerShard))
            scratch.append(UInt64(bitPattern: time.milliseconds))
            bytes.append(contentsOf: scratch.span.bytesArray)
        }
        scratch.removeAll()
        mail.encode(into: &scratch)
        appendVarint(scratch.span.count)
        bytes.append(contentsOf: scratch.span.bytesArray)
    }

    private mutating func appendVarint(_ value: Int) {
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(rest))
    }

    /// Takes out what is to be sent.
    mutating func take() -> [UInt8] {
        var taken: [UInt8] = []
        swap(&taken, &bytes)
        return taken
    }

    /// Which shard a batch is for; `nil`: it can't be read.
    static func receiver(of bytes: [UInt8]) -> UInt8? {
        bytes.count >= headBytes && bytes[0] == version ? bytes[2] : nil
    }

    /// Reads a batch that has come at `time`: calls `body` with each message, and the shard that has sent it. Answers
    /// how many messages can't be read. What a message has behind its last part is ignored.
    static func read(
        _ bytes: [UInt8],
        at time: Timestamp,
        _ body: (NodeMail, _ shard: Int) -> Void
    ) throws(MalformedRecord) -> Int {
        var reader = ByteReader(bytes.span)
        guard try reader.takeUInt8() == version else { throw .malformed(what: "batch of a node") }
        let shard = Int(try reader.takeUInt8())
        _ = try reader.takeUInt8()
        let sentAt = Timestamp(milliseconds: Int64(bitPattern: try reader.takeUInt64()))
        let ahead = time.milliseconds(since: sentAt)
        var unread = 0
        while !reader.isAtEnd {
            var part = ByteReader(try reader.takeCounted())
            do throws(MalformedRecord) {
                body(try NodeMail(taking: &part).moved(byMilliseconds: ahead), shard)
            } catch {
                unread += 1
            }
        }
        return unread
    }
}

extension NodeMail {
    /// With the ends of messages by a clock that is so much ahead.
    fileprivate func moved(byMilliseconds ahead: Int64) -> NodeMail {
        switch self {
        case .deliver(let message, let delivery, let request):
            .deliver(message.moved(byMilliseconds: ahead), delivery, request)
        case .toDevice(let message, let isRetained, let device, let isForwarded, let request):
            .toDevice(
                message.moved(byMilliseconds: ahead), isRetained: isRetained, device,
                isForwarded: isForwarded, request)
        case .forward(let number, let message, let delivery, let request):
            .forward(number, message.moved(byMilliseconds: ahead), delivery, request)
        case .subscribe, .unsubscribe, .connected, .filtersTold, .away, .crowded, .forwarding,
            .settled, .claim, .yield, .taken, .rest, .left, .holds, .released, .superseded,
            .placesTold,
            .counted, .ask, .answer:
            self
        }
    }
}

extension Message {
    fileprivate func moved(byMilliseconds ahead: Int64) -> Message {
        guard let expiresAt else { return self }
        return Message(
            topic: topic, payload: payload, qos: qos, properties: properties,
            expiresAt: expiresAt.adding(milliseconds: ahead))
    }
}
