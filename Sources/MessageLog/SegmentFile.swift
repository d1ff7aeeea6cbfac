import Bytes
import LedgerModel
import Linux
import Time

/// A segment that is being written to.
final class SegmentFile {
    let file: RandomAccessFile

    /// Without its index, which the catalogue has.
    private(set) var segment: Segment
    private var entries = 0
    private var syncedAt = MonotonicInstant.now()
    private var isSynced = true

    /// What a power failure can lose, in milliseconds.
    private static var syncMilliseconds: Int64 { 30_000 }

    init(in directory: String, days: Int, number: UInt64, hour: Int64) throws(FileError) {
        let path = "\(directory)/\(Segment.name(days: days, number: number))"
        file = try RandomAccessFile(path, for: .creating)
        segment = Segment(
            path: path, days: days, number: number, hour: hour, bytes: Segment.headBytes,
            blocksEnd: Segment.headBytes)
        do throws(FileError) {
            try file.write(Segment.head(days: days, number: number).span, at: 0)
        } catch {
            try FileSystem.remove(path)
            throw error
        }
    }

    func isFull(_ settings: MessageLogSettings) -> Bool {
        segment.bytes >= settings.segmentBytes || entries >= MessageLogSettings.segmentEntries
    }

    /// Writes blocks behind the others. On an error the file is as long as it was, as far as that can be had: what is
    /// behind its end is written over, or cut off by the next start.
    func append(
        _ bytes: Span<UInt8>, _ header: BlockHeader, messages: Int, entries: Int,
        firstTime: Timestamp
    ) throws(FileError) {
        do throws(FileError) {
            try file.write(bytes, at: segment.blocksEnd)
        } catch {
            try file.truncate(to: segment.blocksEnd)
            throw error
        }
        segment.blocksEnd += bytes.count
        segment.bytes = segment.blocksEnd
        segment.messages += UInt64(messages)
        segment.firstTime = min(segment.firstTime, firstTime)
        segment.lastTime = max(segment.lastTime, header.lastTime)
        segment.lastSequence = max(segment.lastSequence, header.lastSequence)
        self.entries += entries
        isSynced = false
    }

    func syncIfDue(at time: MonotonicInstant) {
        guard !isSynced, time.milliseconds(since: syncedAt) >= Self.syncMilliseconds else { return }
        syncedAt = time
        do throws(FileError) {
            try file.sync()
            isSynced = true
        } catch {
            // The next write says what is wrong.
        }
    }
}

extension Segment {
    /// What its file has become, with the index of one more flush.
    mutating func take(_ written: Segment, _ run: [UInt64]) {
        bytes = written.bytes
        blocksEnd = written.blocksEnd
        messages = written.messages
        firstTime = written.firstTime
        lastTime = written.lastTime
        lastSequence = written.lastSequence
        guard case .memory(var runs) = index else { return }
        // Given up here, so that appending copies nothing unless somebody reads.
        index = .memory([])
        runs.append(run)
        index = .memory(runs)
    }
}

/// The messages of a flush, in the order in which they are written: by days, then by device, then as they came.
struct SortedFlush {
    let batches: [MessageBatch]
    let firstSequence: UInt64
    private(set) var firstTime = Timestamp(milliseconds: .max)
    private(set) var lastTime = Timestamp(milliseconds: .min)

    /// Where each message is, by the order in which it came.
    private var places: [Place] = []

    /// By days: the print of the owner in the upper 32 bits, the order in the lower, ascending.
    private var keys: [Int: [UInt64]] = [:]

    struct Place {
        let batch: Int32
        let offset: Int32
    }

    init(_ batches: [MessageBatch], from sequence: UInt64) {
        self.batches = batches
        firstSequence = sequence
        places.reserveCapacity(batches.reduce(0) { $0 + $1.count })
        for (number, batch) in batches.enumerated() {
            batch.withBytes { take($0, number) }
        }
        for days in keys.keys { keys[days]?.sort() }
    }

    private mutating func take(_ bytes: Span<UInt8>, _ number: Int) {
        var offset = 0
        // Mostly all of a batch are kept equally long.
        var days = 0
        var ofDays: [UInt64] = []
        defer { if !ofDays.isEmpty { keys[days, default: []] += ofDays } }
        while offset < bytes.count {
            let head = RawMessage.Head(bytes, at: offset)
            let start = offset + RawMessage.headBytes
            let owner = bytes.extracting(start..<start + head.ownerBytes)
            let key = UInt64(MessageOwner.print(of: owner)) << 32 | UInt64(places.count)
            if head.days != days {
                if !ofDays.isEmpty { keys[days, default: []] += ofDays }
                ofDays.removeAll(keepingCapacity: true)
                days = Int(head.days)
            }
            ofDays.append(key)
            places.append(Place(batch: Int32(number), offset: Int32(offset)))
            firstTime = min(firstTime, head.time)
            lastTime = max(lastTime, head.time)
            offset += head.bytes
        }
    }

    var count: Int { places.count }

    /// Those that messages are kept for, ascending.
    var days: [Int] { keys.keys.sorted() }

    func count(of days: Int) -> Int { keys[days]?.count ?? 0 }

    /// Hands each message on that is kept so long: its print, its sequence, and where it is.
    func forEach<E: Error>(
        keptFor days: Int, _ body: (UInt32, UInt64, Place) throws(E) -> Void
    ) throws(E) {
        for key in keys[days] ?? [] {
            let order = Int(key & 0xFFFF_FFFF)
            try body(UInt32(key >> 32), firstSequence + UInt64(order), places[order])
        }
    }
}

/// Makes the blocks of a flush, and writes them.
struct BlockMaker: ~Copyable {
    private var compressor = Compressor()
    private var body = ByteBuffer()
    private var output = ByteBuffer()
    private var header = BlockHeader()

    /// Whose messages the block ends with.
    private var owner: [UInt8] = []

    /// Of the block being made, then of all of the flush.
    private var prints: [UInt32] = []
    private var run: [UInt64] = []
    private var lastHeader = BlockHeader()

    /// A block is closed when its body is this large: 16 KiB. Larger ones gain little in compression, and a page that
    /// reads a hundred of them takes four times as long at 64.
    static var bodyBytes: Int { 16_384 }

    /// That the last flush has written.
    private(set) var bytes = 0

    /// Writes the messages of a flush that are kept so long; the index of what was written.
    mutating func write(
        _ flush: SortedFlush, _ days: Int, to file: SegmentFile
    ) throws(FileError) -> [UInt64] {
        run = []
        output.removeAll()
        bytes = 0
        lastHeader = BlockHeader()
        lastHeader.lastTime = Timestamp(milliseconds: .min)
        begin(flush)
        let start = file.segment.blocksEnd
        flush.forEach(keptFor: days) { print, sequence, place in
            flush.batches[Int(place.batch)].withBytes { batch in
                append(print, sequence, batch, at: Int(place.offset))
            }
            if body.count >= Self.bodyBytes {
                close(at: start)
                begin(flush)
            }
        }
        close(at: start)
        run.sort()
        bytes = output.count
        try file.append(
            output.span, lastHeader, messages: flush.count(of: days), entries: run.count,
            firstTime: flush.firstTime)
        return run
    }

    private mutating func begin(_ flush: SortedFlush) {
        body.removeAll()
        owner = []
        prints = []
        header = BlockHeader()
        header.baseTime = flush.firstTime
        header.baseSequence = flush.firstSequence
        header.lastTime = flush.firstTime
        header.lastSequence = flush.firstSequence
    }

    private mutating func append(
        _ print: UInt32, _ sequence: UInt64, _ batch: Span<UInt8>, at offset: Int
    ) {
        let head = RawMessage.Head(batch, at: offset)
        var place = offset + RawMessage.headBytes
        let owner = batch.extracting(place..<place + head.ownerBytes)
        place += head.ownerBytes
        var flags = head.flags
        let isNew = !owner.isEqual(to: self.owner.span)
        flags.namesOwner = isNew
        body.append(flags.rawValue)
        if isNew {
            self.owner = owner.bytesArray
            body.append(UInt8(head.ownerBytes))
            body.append(owner)
            if prints.last != print { prints.append(print) }
        }
        body.append(number: UInt64(head.time.milliseconds(since: header.baseTime)))
        body.append(number: sequence - header.baseSequence)
        body.append(number: UInt64(head.topicBytes))
        body.append(batch.extracting(place..<place + head.topicBytes))
        place += head.topicBytes
        body.append(number: UInt64(head.payloadBytes))
        body.append(batch.extracting(place..<place + head.payloadBytes))
        header.messages += 1
        header.lastTime = max(header.lastTime, head.time)
        header.lastSequence = max(header.lastSequence, sequence)
    }

    /// Compresses the block, and puts it behind those of the flush.
    private mutating func close(at start: Int) {
        guard header.messages > 0 else { return }
        let offset = output.count
        for print in prints { run.append(UInt64(print) << 32 | UInt64(start + offset)) }
        header.rawBytes = body.count
        header.codec = .zstandard
        output.append(zeros: BlockHeader.bytes)
        header.storedBytes = compressor.append(body, to: &output)
        if header.storedBytes >= body.count {
            output.truncate(to: offset + BlockHeader.bytes)
            Self.copy(body, to: &output)
            header.codec = .none
            header.storedBytes = body.count
        }
        header.bodyChecksum = Self.checksum(of: output, from: offset + BlockHeader.bytes)
        var head = ByteBuffer(capacity: BlockHeader.bytes)
        header.encode(into: &head)
        for index in 0..<BlockHeader.bytes { output[offset + index] = head[index] }
        let (time, sequence) = (header.lastTime, header.lastSequence)
        lastHeader.lastTime = max(lastHeader.lastTime, time)
        lastHeader.lastSequence = max(lastHeader.lastSequence, sequence)
    }

    private static func copy(_ bytes: borrowing ByteBuffer, to buffer: inout ByteBuffer) {
        buffer.append(bytes.span)
    }

    private static func checksum(of buffer: borrowing ByteBuffer, from offset: Int) -> UInt32 {
        CRC32C.of(buffer.span.extracting(offset..<buffer.count))
    }
}

extension ByteBuffer {
    /// Zeros, for what is known only when the rest is there.
    fileprivate mutating func append(zeros count: Int) {
        for _ in 0..<count { append(UInt8(0)) }
    }
}
