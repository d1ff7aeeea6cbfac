import Bytes
import Sessions
import Storage

/// What two nodes say to each other of the stored sessions that one, the follower, keeps for the other. Their links
/// carry it, and keep its order.
///
/// A copy has a random name. What it is made of is numbered from 1 on; the follower answers when the disk has it.
enum FollowMail {
    /// A new copy of the sending node's stored sessions begins: what the follower had of them is void. `record`: the
    /// number in the sending node's books of who follows it.
    case begin(copy: UInt64, record: UInt64)
    case changes(copy: UInt64, number: UInt64, FollowedChanges)

    /// The copy is whole. From here on the books may name the follower, under the number `mark`.
    case complete(copy: UInt64, number: UInt64, mark: UInt64)

    /// The sending node has all up to that number on its disk.
    case kept(copy: UInt64, number: UInt64)

    /// The sending node does not follow, or can't any more.
    case refused(copy: UInt64)
}

// How it travels: what marks a letter from node to node, and not from shard to shard, then a byte for the kind.
extension FollowMail {
    private enum Kind: UInt8 { case begin = 1, changes, complete, kept, refused }

    /// Other than that of a greeting, or a batch.
    private static let version = UInt8(ascii: "F")

    func encoded() -> [UInt8] {
        var buffer = ByteBuffer()
        buffer.append(Self.version)
        buffer.append(NodeBatch.everyShard)
        switch self {
        case .begin(let copy, let record):
            buffer.append(Kind.begin.rawValue)
            buffer.append(copy)
            buffer.append(record)
        case .changes(let copy, let number, let changes):
            buffer.append(Kind.changes.rawValue)
            buffer.append(copy)
            buffer.append(number)
            changes.encode(into: &buffer)
        case .complete(let copy, let number, let mark):
            buffer.append(Kind.complete.rawValue)
            buffer.append(copy)
            buffer.append(number)
            buffer.append(mark)
        case .kept(let copy, let number):
            buffer.append(Kind.kept.rawValue)
            buffer.append(copy)
            buffer.append(number)
        case .refused(let copy):
            buffer.append(Kind.refused.rawValue)
            buffer.append(copy)
        }
        return buffer.span.bytesArray
    }

    /// Whether these bytes are meant to be one.
    static func isOne(_ bytes: [UInt8]) -> Bool {
        bytes.count > 2 && bytes[0] == version && bytes[1] == NodeBatch.everyShard
    }

    init(_ bytes: [UInt8]) throws(MalformedRecord) {
        var reader = ByteReader(bytes.span)
        guard try reader.takeUInt8() == Self.version,
            try reader.takeUInt8() == NodeBatch.everyShard,
            let kind = Kind(rawValue: try reader.takeUInt8())
        else { throw .malformed(what: "letter of a node") }
        let copy = try reader.takeUInt64()
        switch kind {
        case .begin: self = .begin(copy: copy, record: try reader.takeUInt64())
        case .changes:
            self = .changes(
                copy: copy, number: try reader.takeUInt64(),
                try FollowedChanges(taking: &reader))
        case .complete:
            self = .complete(
                copy: copy, number: try reader.takeUInt64(), mark: try reader.takeUInt64())
        case .kept: self = .kept(copy: copy, number: try reader.takeUInt64())
        case .refused: self = .refused(copy: copy)
        }
        guard reader.isAtEnd else { throw .malformed(what: "letter of a node") }
    }
}
