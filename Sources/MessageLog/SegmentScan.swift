import Bytes
import LedgerModel
import Linux
import Time

/// A walk through the blocks of a segment from its first one, for what has no index (yet), and to prove one that has.
struct SegmentScan {
    /// What the blocks say, with an index in memory.
    var segment: Segment

    /// Blocks whose head is whole, and whose body is not.
    var damagedBlocks = 0

    /// The index that they make.
    private(set) var entries: [UInt64] = []

    /// - Parameter end: where the blocks end, at most.
    /// - Throws: what reading the file throws; a head that is damaged is `nil`.
    init?(
        _ file: RandomAccessFile, days: Int, number: UInt64, end: Int
    ) throws(FileError) {
        let head = try file.read(Segment.headBytes, at: 0)
        guard head == Segment.head(days: days, number: number) else { return nil }
        segment = Segment(
            path: file.path, days: days, number: number, bytes: end,
            blocksEnd: Segment.headBytes)
        var decompressor = Decompressor()
        while segment.blocksEnd + BlockHeader.bytes <= end {
            guard let header = try Self.header(of: file, at: segment.blocksEnd, end: end) else {
                // The blocks behind a damaged head are as good as ever.
                guard let next = try Self.nextBlock(of: file, behind: segment.blocksEnd, end: end)
                else { break }
                damagedBlocks += 1
                segment.blocksEnd = next
                continue
            }
            let body = try file.read(
                header.storedBytes, at: segment.blocksEnd + BlockHeader.bytes)
            take(header, header.open(body.span, &decompressor))
            segment.blocksEnd += BlockHeader.bytes + header.storedBytes
        }
        entries.sort()
        segment.index = .memory([entries])
        segment.isOpen = false
    }

    /// The head of a block that is there whole.
    private static func header(
        of file: RandomAccessFile, at offset: Int, end: Int
    ) throws(FileError) -> BlockHeader? {
        let bytes = try file.read(BlockHeader.bytes, at: offset)
        guard let header = BlockHeader(bytes.span),
            offset + BlockHeader.bytes + header.storedBytes <= end
        else { return nil }
        return header
    }

    /// Where the next such block begins.
    private static func nextBlock(
        of file: RandomAccessFile, behind offset: Int, end: Int
    ) throws(FileError) -> Int? {
        var start = offset + 1
        while start + BlockHeader.bytes <= end {
            let piece = try file.read(min(65_536, end - start), at: start)
            for place in BlockHeader.places(in: piece) {
                if try header(of: file, at: start + place, end: end) != nil {
                    return start + place
                }
            }
            // A head may lie on the border of two pieces.
            guard piece.count > BlockHeader.bytes else { return nil }
            start += piece.count - BlockHeader.bytes + 1
        }
        return nil
    }

    private mutating func take(_ header: BlockHeader, _ body: [UInt8]?) {
        let offset = UInt64(segment.blocksEnd)
        var owners: Set<UInt32> = []
        var isWhole = false
        if let body {
            var last: [UInt8] = []
            isWhole = header.forEach(in: body.span) { record in
                if !record.owner.isEqual(to: last.span) {
                    last = record.owner.bytesArray
                    owners.insert(MessageOwner.print(of: record.owner))
                }
            }
        }
        guard isWhole else {
            damagedBlocks += 1
            return
        }
        segment.messages += UInt64(header.messages)
        segment.firstTime = min(segment.firstTime, header.baseTime)
        segment.lastTime = max(segment.lastTime, header.lastTime)
        segment.lastSequence = max(segment.lastSequence, header.lastSequence)
        for owner in owners { entries.append(UInt64(owner) << 32 | offset) }
    }
}

extension Segment {
    /// One that is on the disk: as its trailer says or, when it has none, from its blocks; then it is cut behind the
    /// last whole one. `nil`: it has no whole block.
    static func opened(
        _ path: String, days: Int, number: UInt64
    ) throws(FileError) -> (segment: Segment, cutBytes: Int, damagedBlocks: Int)? {
        let file = try RandomAccessFile(path, for: .writing)
        let size = try file.size()
        if let trailer = try trailer(of: file, size: size) {
            return (Segment(path, days: days, number: number, trailer, bytes: size), 0, 0)
        }
        guard let scan = try SegmentScan(file, days: days, number: number, end: size),
            scan.segment.messages > 0
        else { return nil }
        var segment = scan.segment
        try file.truncate(to: segment.blocksEnd)
        segment.bytes = segment.blocksEnd
        return (segment, size - segment.blocksEnd, scan.damagedBlocks)
    }

    static func trailer(
        of file: RandomAccessFile, size: Int
    ) throws(FileError) -> SegmentTrailer? {
        guard size >= headBytes + SegmentTrailer.bytes else { return nil }
        let bytes = try file.read(SegmentTrailer.bytes, at: size - SegmentTrailer.bytes)
        return SegmentTrailer(bytes.span, fileBytes: size)
    }

    init(_ path: String, days: Int, number: UInt64, _ trailer: SegmentTrailer, bytes: Int) {
        self.init(
            path: path, days: days, number: number, bytes: bytes,
            messages: trailer.messages, firstTime: trailer.firstTime, lastTime: trailer.lastTime,
            lastSequence: trailer.lastSequence,
            index: .file(offset: trailer.indexOffset, count: trailer.indexCount),
            blocksEnd: trailer.indexOffset, isOpen: false)
    }

    /// Writes the index and the trailer behind the blocks, and brings all to the disk. On an error the file is as
    /// long as its blocks again, as far as that can be had.
    mutating func finish(_ file: RandomAccessFile) throws(FileError) {
        guard case .memory(let runs) = index else { return }
        var entries: [UInt64] = []
        entries.reserveCapacity(runs.reduce(0) { $0 + $1.count })
        for run in runs { entries.append(contentsOf: run) }
        entries.sort()
        var buffer = ByteBuffer(capacity: 8 * entries.count + SegmentTrailer.bytes)
        for entry in entries { buffer.append(entry) }
        SegmentTrailer(
            of: self, indexCount: entries.count, indexChecksum: CRC32C.of(buffer.span)
        ).encode(into: &buffer)
        do throws(FileError) {
            try file.write(buffer.span, at: blocksEnd)
            try file.sync()
        } catch {
            try file.truncate(to: blocksEnd)
            throw error
        }
        index = .file(offset: blocksEnd, count: entries.count)
        bytes = blocksEnd + buffer.count
        isOpen = false
    }
}
