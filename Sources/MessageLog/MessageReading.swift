import Bytes
public import LedgerModel
public import Linux
import Synchronization
import Time

// Reading a device's messages, while others are written.
extension MessageLog {
    /// The latest messages of a device that are asked for, the latest first. What its shard and the writer still hold is
    /// not among them: at most two flush intervals old. A block that is damaged is left out, and counted.
    ///
    /// Throws when a file can't be read.
    public func messages(
        of device: DeviceIdentity, _ query: MessageQuery
    ) throws(FileError) -> MessagePage {
        guard query.limit > 0 else { return MessagePage() }
        let owner = MessageOwner(device)
        let hiddenUntil = hiddenUntil(owner)
        let segments = catalogue.withLock { $0.segments }
        var parts: [PartReading] = []
        for days in Set(segments.map(\.days)) {
            var part = PartReading(owner, query, hiddenUntil: hiddenUntil)
            try part.read(segments.filter { $0.days == days }.sorted { $0.number > $1.number })
            parts.append(part)
        }
        figures.damagedBlocks.add(
            parts.reduce(0) { $0 + $1.damagedBlocks }, ordering: .relaxed)
        let floor = parts.map(\.floor).max() ?? 0
        var found = parts.flatMap(\.found).filter { $0.sequence >= floor }
        found.sort { $0.sequence > $1.sequence }
        if found.count > query.limit {
            found.removeLast(found.count - query.limit)
            return MessagePage(messages: found, next: found[query.limit - 1].sequence)
        }
        return MessagePage(messages: found, next: floor > 0 ? floor : nil)
    }
}

/// The messages of one device in the segments that are kept equally long: read from the latest back, until there are
/// enough, or as much was read as one request may.
struct PartReading {
    private let owner: MessageOwner
    private let print: UInt32
    private let query: MessageQuery
    private let below: UInt64
    private let hiddenUntil: Timestamp?
    private var decompressor = OpenedDecompressor()

    /// Of this part, in no order.
    private(set) var found: [StoredMessage] = []
    private(set) var damagedBlocks = 0
    private var payloadBytes = 0

    /// All of the device's messages of this part from this sequence on have been looked at; 0: all.
    private(set) var floor: UInt64
    private var budget = Self.budget

    /// What one page may read: a block that is opened counts eight, a head that is looked at or a segment that is
    /// searched one or two. At some 30 µs a block this is below 20 ms.
    private static var budget: Int { 4_096 }
    private static var payloadMaximum: Int { 8 << 20 }

    init(_ owner: MessageOwner, _ query: MessageQuery, hiddenUntil: Timestamp?) {
        self.owner = owner
        print = owner.print
        self.query = query
        below = query.below ?? .max
        self.hiddenUntil = hiddenUntil
        floor = below
    }

    private var isOver: Bool {
        found.count > query.limit || payloadBytes > Self.payloadMaximum
            || (budget <= 0 && floor < below)
    }

    /// - Parameter segments: the latest first.
    mutating func read(_ segments: [Segment]) throws(FileError) {
        for segment in segments where segment.number < below {
            if isOver { return }
            if segment.messages > 0, mayHave(segment) {
                budget -= 2
                try readUnlessGone(segment)
                if isOver { return }
            }
            floor = min(floor, segment.number)
        }
        floor = 0
    }

    private func mayHave(_ segment: Segment) -> Bool {
        if let from = query.from, segment.lastTime < from { return false }
        if let to = query.to, segment.firstTime >= to { return false }
        if let hiddenUntil, segment.lastTime <= hiddenUntil { return false }
        return true
    }

    /// Nothing of a segment whose time was over meanwhile.
    private mutating func readUnlessGone(_ segment: Segment) throws(FileError) {
        do throws(FileError) {
            try read(segment)
        } catch {
            guard error.code == .noSuchFile else { throw error }
        }
    }

    private mutating func read(_ segment: Segment) throws(FileError) {
        var blocks = try DeviceBlocks(of: print, in: segment)
        try read(&blocks)
    }

    private mutating func read(_ blocks: inout DeviceBlocks) throws(FileError) {
        var next = try end(of: &blocks)
        while next > 0, !isOver {
            next -= 1
            budget -= 1
            guard let offset = try blocks.offset(of: next),
                let header = try blocks.header(at: offset)
            else {
                damagedBlocks += 1
                continue
            }
            if let from = query.from, header.lastTime < from { continue }
            if let to = query.to, header.baseTime >= to {
                // So are all of the same flush.
                floor = min(floor, header.baseSequence)
                continue
            }
            budget -= 8
            take(header, try blocks.body(of: header, at: offset))
        }
    }

    /// How many of the blocks can have what is below the cursor.
    private mutating func end(of blocks: inout DeviceBlocks) throws(FileError) -> Int {
        var (low, high) = (0, blocks.count)
        guard below < .max else { return high }
        while low < high {
            let middle = (low + high) / 2
            budget -= 1
            let offset = try blocks.offset(of: middle)
            let header = try offset.flatMap { offset throws(FileError) in
                try blocks.header(at: offset)
            }
            // One that is damaged says nothing: rather too many.
            let isBefore = header.map { $0.baseSequence < below } ?? true
            if isBefore { low = middle + 1 } else { high = middle }
        }
        return low
    }

    private mutating func take(_ header: BlockHeader, _ stored: [UInt8]) {
        guard let body = decompressor.open(header, stored) else {
            damagedBlocks += 1
            return
        }
        var taken: [StoredMessage] = []
        var lowest = floor
        let isWhole = header.forEach(in: body.span) { record in
            guard record.sequence < below, record.owner.isEqual(to: owner.name.span) else {
                return
            }
            lowest = min(lowest, record.sequence)
            if let hiddenUntil, record.time <= hiddenUntil { return }
            let message = record.message
            if query.takes(message) { taken.append(message) }
        }
        guard isWhole else {
            damagedBlocks += 1
            return
        }
        floor = lowest
        payloadBytes += taken.reduce(0) { $0 + $1.payload.count }
        found += taken
    }
}

/// A decompressor that copies of a value can have in common.
private final class OpenedDecompressor {
    private var decompressor = Decompressor()

    func open(_ header: BlockHeader, _ stored: [UInt8]) -> [UInt8]? {
        header.open(stored.span, &decompressor)
    }
}
