import Sessions
import Time

/// What a `DeliveryQueue` should be, said as simply as possible: a list that is searched.
struct QueueModel {
    enum State { case storing, waiting, sent, received, released }

    struct Entry {
        let sequence: UInt64
        let isExactlyOnce: Bool
        let content: QueuedMessage?
        var state: State
        var isDuplicate = false
        var isCharged = false
    }

    var entries: [Entry] = []
    var limit: Int
    var nextSequence: UInt64 = 0
    let keepsSent: Bool

    init(keepsSent: Bool, limit: Int) {
        self.keepsSent = keepsSent
        self.limit = limit
    }

    static func packetID(_ sequence: UInt64) -> UInt16 { UInt16(1 + sequence % 65_535) }

    /// Whether its content is still held.
    private func isKept(_ entry: Entry) -> Bool {
        guard let content = entry.content else { return false }
        switch entry.state {
        case .storing, .waiting: return true
        case .sent: return keepsSent || content.sharedFilter != nil
        case .received, .released: return false
        }
    }

    var keptCount: Int { entries.count { isKept($0) } }
    var keptBytes: Int {
        entries.filter { isKept($0) }.reduce(0) { $0 + ($1.content?.byteCount ?? 0) }
    }
    var inFlight: Int { entries.count { [.sent, .received, .released].contains($0.state) } }
    var uncovered: UInt64 {
        entries.filter { !$0.isCharged && [.storing, .waiting].contains($0.state) }
            .reduce(0) { $0 + UInt64($1.content?.units ?? 0) }
    }
    var released: [UInt16] {
        entries.filter { $0.state == .released }.map { Self.packetID($0.sequence) }
    }

    private func isWithinSpan(_ sequence: UInt64) -> Bool {
        sequence - (entries.first?.sequence ?? sequence) < 65_535
    }

    private var firstUnsent: Int? {
        entries.firstIndex { $0.state == .storing || $0.state == .waiting }
    }

    var isOpen: Bool { firstUnsent == nil && inFlight < limit && isWithinSpan(nextSequence) }

    var next: Int? {
        guard let index = firstUnsent, entries[index].state == .waiting, inFlight < limit,
            isWithinSpan(entries[index].sequence)
        else { return nil }
        return index
    }

    mutating func begin(isExactlyOnce: Bool) {
        entries.append(
            Entry(
                sequence: nextSequence, isExactlyOnce: isExactlyOnce, content: nil, state: .sent,
                isDuplicate: true, isCharged: true))
        nextSequence += 1
    }

    mutating func append(_ content: QueuedMessage, isStored: Bool) {
        entries.append(
            Entry(
                sequence: nextSequence, isExactlyOnce: content.isExactlyOnce, content: content,
                state: isStored ? .waiting : .storing))
        nextSequence += 1
    }

    mutating func didSend() {
        guard let index = next else { return }
        entries[index].state = .sent
        entries[index].isDuplicate = true
        entries[index].isCharged = true
    }

    func place(ofPacket packetID: UInt16) -> Int? {
        entries.firstIndex { entry in
            Self.packetID(entry.sequence) == packetID && entry.state != .storing
                && (entry.state != .waiting || entry.isDuplicate)
        }
    }

    mutating func resume(limit: Int) {
        self.limit = limit
        entries = entries.filter { $0.state != .sent || isKept($0) }
        for index in entries.indices where entries[index].state == .sent {
            entries[index].state = .waiting
        }
    }

    mutating func expire(at time: Timestamp) -> [UInt64] {
        let expired = entries.filter { entry in
            entry.state == .waiting && !entry.isDuplicate
                && entry.content?.message.isExpired(at: time) == true
        }.map(\.sequence)
        entries.removeAll { expired.contains($0.sequence) }
        return expired
    }
}
