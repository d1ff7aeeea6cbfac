package import Bytes
package import Storage

// A session on its way to another node, whole.
extension StoredSession {
    private enum Version: UInt8, RecordVersion { case v1 = 1 }

    package func encode(into buffer: inout ByteBuffer) {
        buffer.append(Version.v1)
        var part = ByteBuffer()
        record.encode(into: &part)
        buffer.append(counted: part.span)
        buffer.appendVarint(UInt64(queue.count))
        for (sequence, record) in queue {
            buffer.appendVarint(sequence)
            part.removeAll()
            record.encode(into: &part)
            buffer.append(counted: part.span)
        }
        buffer.appendVarint(sentBelow)
        buffer.append(list: received.all) { $0.append($1) }
    }

    package init(taking reader: inout ByteReader) throws(MalformedRecord) {
        switch try reader.take(Version.self, of: "session of another node") {
        case .v1: break
        }
        var recordReader = ByteReader(try reader.takeCounted())
        let record = try SessionRecord(decoding: &recordReader)
        let queue = try reader.takeList { reader throws(MalformedRecord) in
            let sequence = try reader.takeVarint()
            var entryReader = ByteReader(try reader.takeCounted())
            return (sequence: sequence, record: try QueueRecord(decoding: &entryReader))
        }
        let sentBelow = try reader.takeVarint()
        let received = try reader.takeList { reader throws(MalformedRecord) in
            try reader.takeUInt16()
        }
        self.init(
            record: record, queue: queue, sentBelow: sentBelow,
            received: ReceivedIdentifiers(received))
    }

    /// The session under a number of the store that takes it in, by that claim, and the changes that put it there.
    package func taken(
        as number: SessionNumber, named name: SessionName, claim: UInt64
    ) -> (session: StoredSession, changes: [SessionChange]) {
        let record = record.renumbered(number, claim: claim)
        var changes = [SessionChange.put(name, record)]
        for (sequence, entry) in queue {
            switch entry {
            case .message(let message):
                changes.append(.append(number, sequence: sequence, message))
            case .released: changes.append(.release(number, sequence: sequence))
            }
        }
        if sentBelow > 0 { changes.append(.sent(number, below: sentBelow)) }
        for packetID in received.all { changes.append(.receive(number, packetID: packetID)) }
        let session = StoredSession(
            record: record, queue: queue, sentBelow: sentBelow, received: received)
        return (session, changes)
    }

    /// Whether what is kept besides its queue has at most so many bytes, and each message of that too.
    package func canTravel(record bytes: Int, message messageBytes: Int) -> Bool {
        var part = ByteBuffer()
        record.encode(into: &part)
        guard part.count <= bytes else { return false }
        return queue.allSatisfy { entry in
            guard case .message(let message) = entry.record else { return true }
            return message.byteCount <= messageBytes
        }
    }

    /// With no more of its queue than `bytes`, but for one message, and the sequence behind that.
    package func beginning(upTo bytes: Int) -> (session: StoredSession, next: UInt64) {
        var sum = 0
        var count = 0
        for entry in queue {
            if case .message(let message) = entry.record { sum += message.byteCount }
            if sum > bytes, count > 0 { break }
            count += 1
        }
        let next = queue.prefix(count).last.map { $0.sequence + 1 } ?? 0
        let session = StoredSession(
            record: record, queue: Array(queue.prefix(count)), sentBelow: sentBelow,
            received: received)
        return (session, next)
    }

    /// Messages of the queue from that sequence on, in pieces of no more than `bytes`, but for one message.
    package func messages(from sequence: UInt64, inPiecesOf bytes: Int) -> [[QueuedMessage]] {
        var pieces: [[QueuedMessage]] = []
        var sum = 0
        for entry in queue where entry.sequence >= sequence {
            guard case .message(let message) = entry.record else { continue }
            sum += message.byteCount
            if pieces.isEmpty || sum > bytes {
                pieces.append([])
                sum = message.byteCount
            }
            pieces[pieces.count - 1].append(message)
        }
        return pieces
    }
}

extension SessionRecord {
    fileprivate func renumbered(_ number: SessionNumber, claim: UInt64) -> SessionRecord {
        SessionRecord(
            number: number, version: version, expiryIntervalSeconds: expiryIntervalSeconds,
            endedAt: endedAt, dueAt: dueAt, will: will, subscriptions: subscriptions, claim: claim)
    }
}
