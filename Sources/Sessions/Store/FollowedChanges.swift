package import Bytes
package import Storage

/// Changes of stored sessions on their way to the node that keeps a copy of them, in their order.
///
/// Of what a node knows of other nodes (`ForwardChange`) their filters are not among them. What it keeps for them is, and
/// what it has taken of them: that says what its sessions have.
package struct FollowedChanges: Equatable, Sendable {
    private enum Version: UInt8, RecordVersion { case v1 = 1 }

    package let changes: [SessionChange]

    package init(_ changes: [SessionChange]) { self.changes = changes.filter(\.isFollowed) }

    package func encode(into buffer: inout ByteBuffer) {
        buffer.append(Version.v1)
        buffer.append(list: changes) { $1.encode(into: &$0) }
    }

    package init(taking reader: inout ByteReader) throws(MalformedRecord) {
        switch try reader.take(Version.self, of: "changes of sessions") {
        case .v1: break
        }
        changes = try reader.takeList { reader throws(MalformedRecord) in
            try SessionChange(taking: &reader)
        }
    }
}

extension SessionChange {
    /// Whether a copy of the sessions needs it, and of what is kept beside them.
    package var isFollowed: Bool {
        switch self {
        case .put, .remove, .append, .release, .delete, .sent, .receive, .complete: true
        case .node(.take), .node(.settle), .node(.keep), .node(.arrived): true
        case .node(.hold), .node(.drop): false
        }
    }

    /// Fixed for good: nodes of different versions speak to each other.
    fileprivate enum Tag: UInt8 {
        case put = 1
        case remove = 2
        case append = 3
        case release = 4
        case delete = 5
        case sent = 6
        case receive = 7
        case complete = 8
        case take = 9
        case settle = 10
        case keep = 11
        case arrived = 12
    }

    fileprivate func encode(into buffer: inout ByteBuffer) {
        switch self {
        case .put(let name, let record):
            buffer.append(Tag.put.rawValue)
            name.append(to: &buffer)
            var part = ByteBuffer()
            record.encode(into: &part)
            buffer.append(counted: part.span)
        case .remove(let name, let number):
            buffer.append(Tag.remove.rawValue)
            name.append(to: &buffer)
            buffer.appendVarint(number.rawValue)
        case .append(let number, let sequence, let message):
            buffer.append(Tag.append, number, sequence)
            message.append(to: &buffer)
        case .release(let number, let sequence):
            buffer.append(Tag.release, number, sequence)
        case .delete(let number, let sequence):
            buffer.append(Tag.delete, number, sequence)
        case .sent(let number, let below): buffer.append(Tag.sent, number, below)
        case .receive(let number, let packetID):
            buffer.append(Tag.receive, number, UInt64(packetID))
        case .complete(let number, let packetID):
            buffer.append(Tag.complete, number, UInt64(packetID))
        case .node(.take(let node, let shard, let number)):
            buffer.append(Tag.take, node, shard, number)
        case .node(.settle(let node, let shard, let number)):
            buffer.append(Tag.settle, node, shard, number)
        case .node(.keep(let node, let number, let forward)):
            buffer.append(Tag.keep.rawValue)
            buffer.append(text: node)
            buffer.append(number.rawValue)
            var part = ByteBuffer()
            forward.encode(into: &part)
            buffer.append(counted: part.span)
        case .node(.arrived(let node, let number)):
            buffer.append(Tag.arrived.rawValue)
            buffer.append(text: node)
            buffer.append(number.rawValue)
        case .node(.hold), .node(.drop):
            preconditionFailure("filters of other nodes do not travel")
        }
    }

    fileprivate init(taking reader: inout ByteReader) throws(MalformedRecord) {
        guard let tag = Tag(rawValue: try reader.takeUInt8()) else {
            throw .malformed(what: "change of a session")
        }
        switch tag {
        case .put:
            let name = try SessionName(taking: &reader)
            var part = ByteReader(try reader.takeCounted())
            self = .put(name, try SessionRecord(decoding: &part))
        case .remove:
            let name = try SessionName(taking: &reader)
            self = .remove(name, try reader.takeSessionNumber())
        case .append:
            self = .append(
                try reader.takeSessionNumber(), sequence: try reader.takeVarint(),
                try QueuedMessage(taking: &reader))
        case .release:
            self = .release(
                try reader.takeSessionNumber(), sequence: try reader.takeVarint())
        case .delete:
            self = .delete(
                try reader.takeSessionNumber(), sequence: try reader.takeVarint())
        case .sent:
            self = .sent(try reader.takeSessionNumber(), below: try reader.takeVarint())
        case .receive:
            self = .receive(
                try reader.takeSessionNumber(), packetID: try reader.takePacketID())
        case .complete:
            self = .complete(
                try reader.takeSessionNumber(), packetID: try reader.takePacketID())
        case .take:
            self = .node(
                .take(
                    try reader.takeText(), shard: try reader.takeUInt8(),
                    ForwardNumber(rawValue: try reader.takeUInt64())))
        case .settle:
            self = .node(
                .settle(
                    try reader.takeText(), shard: try reader.takeUInt8(),
                    ForwardNumber(rawValue: try reader.takeUInt64())))
        case .keep:
            let node = try reader.takeText()
            let number = ForwardNumber(rawValue: try reader.takeUInt64())
            var part = ByteReader(try reader.takeCounted())
            self = .node(.keep(node, number, try Forward(decoding: &part)))
        case .arrived:
            self = .node(
                .arrived(
                    try reader.takeText(), ForwardNumber(rawValue: try reader.takeUInt64())))
        }
    }
}

extension ByteBuffer {
    fileprivate mutating func append(
        _ tag: SessionChange.Tag, _ number: SessionNumber, _ value: UInt64
    ) {
        append(tag.rawValue)
        appendVarint(number.rawValue)
        appendVarint(value)
    }

    fileprivate mutating func append(
        _ tag: SessionChange.Tag, _ node: String, _ shard: UInt8, _ number: ForwardNumber
    ) {
        append(tag.rawValue)
        append(text: node)
        append(shard)
        append(number.rawValue)
    }
}

/// Inside of what nodes tell each other.
extension SessionName {
    func append(to buffer: inout ByteBuffer) { buffer.append(counted: bytes.span) }

    init(taking reader: inout ByteReader) throws(MalformedRecord) {
        var part = ByteReader(try reader.takeCounted())
        guard let name = SessionName(decoding: &part) else {
            throw .malformed(what: "name of a session")
        }
        self = name
    }
}

extension ByteReader {
    @_lifetime(self: copy self)
    fileprivate mutating func takeSessionNumber() throws(MalformedRecord) -> SessionNumber {
        SessionNumber(try takeVarint())
    }

    /// Never 0 ([MQTT-2.2.1-3]).
    @_lifetime(self: copy self)
    fileprivate mutating func takePacketID() throws(MalformedRecord) -> UInt16 {
        guard let packetID = UInt16(exactly: try takeVarint()), packetID > 0 else {
            throw .malformed(what: "packet identifier")
        }
        return packetID
    }
}
