import Bytes
import Cryptography
import Replication
public import Storage
import Time

/// The replicated log, applied: the same entries in the same order make the same books on every node.
extension Books {
    /// Makes these books those of a cluster: the next entry to be applied is the one behind `position`.
    /// Nothing happens when they are that cluster's already; those of another one stop here.
    ///
    /// What the books hold so far is part of the chain: nodes that begin with different books find out.
    public func join(
        _ cluster: ClusterID, behind position: UInt64, in transaction: borrowing WriteTransaction
    ) throws(StoreError) {
        if let record = try log.get(Self.headKey, in: transaction) {
            if record.cluster != cluster {
                throw LogStop.ofAnotherCluster(cluster, expected: record.cluster).error
            }
            return
        }
        let head = try head(in: transaction)
        var hash = ByteBuffer()
        hash.append(fields: cluster, position, head.lastSequence, head.nextSerial)
        let record = LogRecord(
            cluster: cluster,
            since: position,
            mark: LogMark(position: position, chain: ChainHash(SHA256.hash(hash.span))))
        try log.put(Self.headKey, record, in: transaction)
    }

    /// Takes these books on to the log that is to be followed. Stops here unless they have followed it before, or it
    /// was begun anew from them, or from the same ones.
    func follow(
        _ generation: LogGeneration, in transaction: borrowing WriteTransaction
    ) throws(StoreError) {
        guard var record = try log.get(Self.headKey, in: transaction) else {
            throw LogStop.notJoined.error
        }
        if record.generation == generation.number { return }
        guard record.generation < generation.number else {
            throw LogStop.outdated(generation: generation.number, expected: record.generation).error
        }
        guard record.mark.position == generation.position,
            "\(record.mark.chain)" == generation.chain
        else { throw LogStop.begunAnew(generation, applied: record.mark.position).error }
        record.generation = generation.number
        try log.put(Self.headKey, record, in: transaction)
    }

    /// Which of its cluster's logs the books have followed last; `nil` of a gateway alone.
    public func generation(
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> UInt64? {
        try log.get(Self.headKey, in: transaction)?.generation
    }

    /// How far the log was applied; `nil` in books of a gateway alone.
    public func mark(
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> LogMark? {
        try log.get(Self.headKey, in: transaction)?.mark
    }

    /// Whose log these books follow; `nil` of a gateway alone.
    public func cluster(
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> ClusterID? {
        try log.get(Self.headKey, in: transaction)?.cluster
    }

    /// The epoch that the node has begun last; 0 when it never did.
    func epoch(
        of node: NodeName, in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> UInt64 {
        try senders.get(node, in: transaction)?.epoch ?? 0
    }

    /// Applies one entry of the log: all of it, or nothing and an error. `.stopped` is for good: what
    /// comes behind must not be applied either.
    ///
    /// The time of what is done is the log's, the same everywhere, and not the sender's: an entry may have
    /// waited for the log for long, and no node's clock is to be believed for all (rule B16).
    func apply(
        _ entry: LogEntry, in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> AppliedEntry {
        guard var record = try log.get(Self.headKey, in: transaction) else {
            throw LogStop.notJoined.error
        }
        guard entry.position == record.mark.position + 1 else {
            throw LogStop.gap(behind: record.mark.position, found: entry.position).error
        }
        let envelope = try envelope(in: entry)
        guard envelope.cluster == record.cluster else {
            throw LogStop.ofAnotherCluster(envelope.cluster, expected: record.cluster).error
        }
        let verdict = try carryOut(envelope, entry, in: transaction)
        record.mark = LogMark(
            position: entry.position, chain: record.mark.chain.extended(by: entry, verdict))
        try log.put(Self.headKey, record, in: transaction)
        return AppliedEntry(
            envelope: envelope, verdict: verdict, mark: record.mark, at: entry.at)
    }

    private func envelope(in entry: LogEntry) throws(StoreError) -> Envelope {
        do throws(MalformedRecord) {
            var reader = ByteReader(entry.bytes.span)
            let envelope = try Envelope(decoding: &reader)
            guard reader.isAtEnd else { throw .malformed(what: "bytes behind an entry of the log") }
            return envelope
        } catch {
            throw LogStop.unreadable(position: entry.position, what: error.what).error
        }
    }

    private func carryOut(
        _ envelope: Envelope, _ entry: LogEntry, in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> EntryVerdict {
        var sender = try senders.get(envelope.sender, in: transaction) ?? .unseen
        let verdict: EntryVerdict
        switch Turn(of: envelope, after: sender) {
        case .hello:
            sender.epoch = envelope.epoch
            sender.number = 0
            // It may have taken a snapshot that is older than what it had before.
            sender.applied = envelope.mark.position
            sender.at = entry.at
            verdict = .begun
        case .commands(let commands):
            var outcomes: [Outcome] = []
            outcomes.reserveCapacity(commands.count)
            for command in commands {
                outcomes.append(
                    try apply(command.timed(at: entry.at), of: envelope.sender, in: transaction))
            }
            sender.number = envelope.number
            sender.applied = max(sender.applied, envelope.mark.position)
            sender.at = entry.at
            verdict = .applied(outcomes)
        case .passedOver(let why): verdict = why
        }
        sender.position = entry.position
        try senders.put(envelope.sender, sender, in: transaction)
        return verdict
    }

    /// A node does not remove itself: it would have to stop before it is done, and who asked it would not know.
    private func apply(
        _ command: Command, of sender: NodeName, in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Outcome {
        if case .cluster(.removeNode(sender)) = command.action {
            return .refused(.cluster(.ownNode(sender)))
        }
        return try apply(command, in: transaction)
    }
}

/// What an envelope's number says is to be done with it, before anything is.
private enum Turn {
    case hello
    case commands([Command])
    case passedOver(EntryVerdict)

    init(of envelope: Envelope, after sender: SenderRecord) {
        switch envelope.content {
        case .hello where sender.isRemoved, .commands where sender.isRemoved:
            self = .passedOver(.removed)
        case .hello where envelope.epoch == sender.epoch: self = .passedOver(.repeated)
        case .hello(let before):
            self = before == sender.epoch ? .hello : .passedOver(.superseded)
        case .commands where envelope.epoch != sender.epoch: self = .passedOver(.superseded)
        case .commands(let number, let commands):
            if number == sender.number + 1 {
                self = .commands(commands)
            } else {
                self = .passedOver(number <= sender.number ? .repeated : .outOfTurn)
            }
        }
    }
}

/// An entry of the log, and what it did.
struct AppliedEntry: Hashable, Sendable {
    let envelope: Envelope
    let verdict: EntryVerdict

    /// Of the books behind it.
    let mark: LogMark

    /// When the log took it.
    let at: Timestamp

    /// Whether it has done more than to say how far its sender is.
    var isNews: Bool {
        guard case .commands(_, let commands) = envelope.content, case .applied = verdict else {
            return false
        }
        return commands.contains { $0.action.isNews }
    }

    /// Whether a person has made a checkpoint: each node is asked what its books were behind it. Those of gateways are
    /// none.
    var isQuestion: Bool {
        guard case .commands(_, let commands) = envelope.content, case .applied = verdict else {
            return false
        }
        return commands.contains { command in
            guard case .cluster(.checkpoint) = command.action else { return false }
            return command.actor != Command.gatewayActor
        }
    }

    /// What its sender's books were where it was asked.
    var digest: BooksDigest? {
        guard case .commands(_, let commands) = envelope.content, case .applied = verdict else {
            return nil
        }
        for command in commands.reversed() {
            if case .cluster(.report(let digest)) = command.action { return digest }
        }
        return nil
    }

    /// Nodes that it has taken out.
    var removed: [NodeName] {
        guard case .commands(_, let commands) = envelope.content,
            case .applied(let outcomes) = verdict
        else { return [] }
        return zip(commands, outcomes).compactMap { command, outcome in
            guard case .cluster(.removeNode(let node)) = command.action, outcome.effect != nil
            else { return nil }
            return node
        }
    }
}

extension Action {
    /// Checkpoints, what is told of them, and signs of life are not.
    fileprivate var isNews: Bool {
        switch self {
        case .cluster(.checkpoint), .cluster(.report), .clock(.beat), .webhooks(.report),
            .alerts(.review), .alerts(.sweep), .alerts(.begin), .alerts(.report),
            .alerts(.gather), .alerts(.find), .alerts(.noteBackup), .firmware(.progress),
            .campaigns(.advance):
            false
        case .cluster(.removeNode), .cluster(.assignPartitions), .cluster(.followSessions),
            .cluster(.inheritSessions), .cluster(.settleInheritance), .clock(.confirm), .devices,
            .codes, .products, .packages,
            .accounts, .imports, .topUps, .upgrades, .keys, .corrections,
            .limits, .productSecrets, .answers, .metadata, .webhooks(.create), .webhooks(.update),
            .webhooks(.rotateSecret), .webhooks(.delete), .alerts(.adopt), .alerts(.setRule),
            .alerts(.resetRule), .alerts(.setLanguage),
            .alerts(.setContactLanguage), .alerts(.retry), .authorities, .firmware(.add),
            .firmware(.delete), .firmware(.start), .firmware(.report), .campaigns(.create),
            .campaigns(.turn):
            true
        }
    }
}

extension SenderRecord {
    /// Of a node of which nothing was there yet.
    static var unseen: SenderRecord { SenderRecord(epoch: 0, number: 0, position: 0) }
}

/// What became of an entry. It depends on the entries before it alone, so it is the same on every node.
enum EntryVerdict: Hashable, Sendable {
    /// The sender's epoch has begun.
    case begun

    /// Its commands were applied: an outcome for each.
    case applied([Outcome])

    /// It was applied before: the sender has sent it again.
    case repeated

    /// One before it is missing: the sender will send both again.
    case outOfTurn

    /// It is of an epoch that is over, or a hello that came too late: nothing of it ever counts.
    case superseded

    /// It is of a node that was taken out of the cluster: nothing of it counts.
    case removed

    /// Commands that were carried out, or refused.
    var outcomeCount: Int {
        switch self {
        case .applied(let outcomes): outcomes.count
        case .begun, .repeated, .outOfTurn, .superseded, .removed: 0
        }
    }

    /// Fixed for good: it goes into the chain.
    fileprivate var code: UInt8 {
        switch self {
        case .begun: 1
        case .applied: 2
        case .repeated: 3
        case .outOfTurn: 4
        case .superseded: 5
        case .removed: 6
        }
    }
}

extension ChainHash {
    fileprivate init(_ digest: SHA256Digest) {
        guard let chain = ChainHash(digest.span) else {
            preconditionFailure("SHA-256 has as many bytes as a chain")
        }
        self = chain
    }

    /// Behind an entry and what it did.
    fileprivate func extended(by entry: LogEntry, _ verdict: EntryVerdict) -> ChainHash {
        var frame = ByteBuffer()
        frame.append(fields: self, entry.position, entry.at, UInt64(entry.bytes.count))
        var hash = SHA256()
        hash.update(frame.span)
        hash.update(entry.bytes.span)
        var result = ByteBuffer()
        result.append(verdict.code)
        switch verdict {
        case .applied(let outcomes): outcomes.encode(into: &result)
        case .begun, .repeated, .outOfTurn, .superseded, .removed: break
        }
        hash.update(result.span)
        return ChainHash(hash.finalize())
    }
}
