internal import Bytes
internal import Encoding
internal import LedgerModel

/// What travels between two nodes, or from one to all: who sends, on which link, how far it has received, and
/// a frame of batches.
///
/// | bytes | |
/// |---|---|
/// | 1 | version |
/// | 1 | flags: 1 goodbye, 2 something is missing; others are ignored |
/// | 16 | cluster, 0 when there is none |
/// | 8 | sender's epoch |
/// | 1 + n | sender's name |
/// | 8 | sender's id of the link; 0 in what goes to all |
/// | 8 | receiver's id of the link, as far as the sender knows it, or 0 |
/// | 8 | number of the first frame that the sender has not received, 0 when it is not up |
/// | 8 | number of the frame in it, or 0 when there is none |
/// | varint + n | the frame: fragments |
///
/// A fragment is a varint, twice its length, and one more when its batch goes on in the next; then its bytes.
///
/// What a later program appends to it is ignored.
public struct PeerDatagram: Hashable, Sendable {
    /// Of one datagram; NATS takes 1 MiB by default.
    public static var maximumBytes: Int { 256 << 10 }

    let cluster: ClusterID?
    let sender: NodeName
    let epoch: UInt64
    var isGoodbye = false

    /// The sender has received frames behind one that it has not.
    var isMissing = false
    var link: UInt64 = 0
    var peerLink: UInt64 = 0
    var expected: UInt64 = 0
    var number: UInt64 = 0
    var fragments: [Fragment] = []

    init(cluster: ClusterID?, sender: NodeName, epoch: UInt64) {
        self.cluster = cluster
        self.sender = sender
        self.epoch = epoch
    }
}

/// A batch, or a part of one.
struct Fragment: Hashable, Sendable {
    let bytes: [UInt8]

    /// Its batch goes on in the next one.
    let goesOn: Bool

    /// Besides the bytes themselves.
    static var maximumOverhead: Int { 10 }
}

/// Why a datagram is passed over.
enum Unreadable: Error, Hashable, Sendable {
    case version(UInt8)
    case malformed
}

extension PeerDatagram {
    private enum Version { static let v1: UInt8 = 1 }

    private enum Flag {
        static let goodbye: UInt8 = 1
        static let missing: UInt8 = 2
    }

    /// The bytes, with a frame that is encoded already instead of `fragments`.
    func bytes(frame: [UInt8]) -> [UInt8] {
        var header = ByteBuffer(capacity: 160)
        header.append(Version.v1)
        header.append((isGoodbye ? Flag.goodbye : 0) | (isMissing ? Flag.missing : 0))
        let cluster = cluster?.value ?? 0
        header.append(UInt64(truncatingIfNeeded: cluster >> 64))
        header.append(UInt64(truncatingIfNeeded: cluster))
        header.append(epoch)
        header.append(text: sender.text)
        for value in [link, peerLink, expected, number] { header.append(value) }
        header.appendVarint(UInt64(frame.count))
        var bytes = header.span.bytesArray
        bytes.append(contentsOf: frame)
        return bytes
    }

    init(_ bytes: [UInt8]) throws(Unreadable) {
        do throws(MalformedRecord) {
            var reader = ByteReader(bytes.span)
            let version = try reader.takeUInt8()
            guard version == Version.v1 else { throw .malformed(what: "version") }
            try self.init(decoding: &reader)
        } catch {
            if let version = bytes.first, version != Version.v1 { throw .version(version) }
            throw .malformed
        }
    }

    private init(decoding reader: inout ByteReader) throws(MalformedRecord) {
        let flags = try reader.takeUInt8()
        let high = UInt128(try reader.takeUInt64())
        let cluster = high << 64 | UInt128(try reader.takeUInt64())
        let epoch = try reader.takeUInt64()
        guard let sender = NodeName(utf8: try reader.takeCounted()) else {
            throw .malformed(what: "node's name")
        }
        self.init(cluster: cluster == 0 ? nil : ClusterID(cluster), sender: sender, epoch: epoch)
        isGoodbye = flags & Flag.goodbye != 0
        isMissing = flags & Flag.missing != 0
        link = try reader.takeUInt64()
        peerLink = try reader.takeUInt64()
        expected = try reader.takeUInt64()
        number = try reader.takeUInt64()
        var frame = ByteReader(try reader.takeCounted())
        while !frame.isAtEnd { fragments.append(try Fragment(decoding: &frame)) }
        guard (number == 0) == fragments.isEmpty else { throw .malformed(what: "frame") }
    }
}

extension Fragment {
    fileprivate init(decoding reader: inout ByteReader) throws(MalformedRecord) {
        let head = try reader.takeVarint()
        let count = head >> 1
        guard count <= UInt64(reader.remaining), let bytes = reader.readBytes(Int(count)) else {
            throw .malformed(what: "fragment")
        }
        self.bytes = bytes.bytesArray
        goesOn = head & 1 != 0
    }

    /// Appends the bytes of a fragment to a frame.
    static func append(_ bytes: ArraySlice<UInt8>, goesOn: Bool, to frame: inout [UInt8]) {
        var head = UInt64(bytes.count) << 1 | (goesOn ? 1 : 0)
        while head >= 0x80 {
            frame.append(UInt8(truncatingIfNeeded: head) | 0x80)
            head >>= 7
        }
        frame.append(UInt8(head))
        frame.append(contentsOf: bytes)
    }
}
