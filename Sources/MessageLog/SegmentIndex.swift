import LedgerModel
import Linux

/// The blocks of a segment that one device's messages are in, by their offsets, ascending: those of an earlier block
/// came before those of a later one.
struct DeviceBlocks {
    private let file: RandomAccessFile
    private let print: UInt32

    /// Of an index in memory.
    private var offsets: [Int] = []

    /// Of an index in the file: where its entries are, and the piece of it that was read last.
    private var start = 0
    private var first = 0
    private var piece: [UInt8] = []
    private var pieceStart = 0

    let count: Int

    /// Entries that are read at once, 16 KiB: the guess of a place among a million is mostly no further off.
    private static var pieceEntries: Int { 2_048 }

    init(of print: UInt32, in segment: Segment) throws(FileError) {
        file = try RandomAccessFile(segment.path, for: .reading)
        self.print = print
        switch segment.index {
        case .memory(let runs):
            for run in runs { Self.collect(print, in: run, &offsets) }
            count = offsets.count
        case .file(let offset, let entries):
            start = offset
            var search = Search(file: file, start: offset, entries: entries)
            first = try search.lowerBound(UInt64(print) << 32, guess: print)
            let end =
                first < entries
                ? try search.lowerBound((UInt64(print) + 1) << 32, from: first) : first
            count = end - first
            piece = search.piece
            pieceStart = search.pieceStart
        }
    }

    private static func collect(_ print: UInt32, in run: [UInt64], _ offsets: inout [Int]) {
        var (low, high) = (0, run.count)
        while low < high {
            let middle = (low + high) / 2
            if run[middle] < UInt64(print) << 32 { low = middle + 1 } else { high = middle }
        }
        while low < run.count, UInt32(run[low] >> 32) == print {
            offsets.append(Int(run[low] & 0xFFFF_FFFF))
            low += 1
        }
    }

    /// The offset of one of them; `nil`: the index is damaged.
    mutating func offset(of index: Int) throws(FileError) -> Int? {
        if !offsets.isEmpty { return offsets[index] }
        let entry = first + index
        if entry < pieceStart || entry >= pieceStart + piece.count / 8 {
            // Read from the end on, so the ones before it too.
            pieceStart = max(first, entry - 511)
            piece = try file.read(8 * (entry - pieceStart + 1), at: start + 8 * pieceStart)
        }
        guard piece.count >= 8 * (entry - pieceStart + 1) else { return nil }
        let found = piece.entry(entry - pieceStart)
        return UInt32(found >> 32) == print ? Int(found & 0xFFFF_FFFF) : nil
    }

    /// The head of the block at `offset`; `nil`: it is damaged.
    func header(at offset: Int) throws(FileError) -> BlockHeader? {
        let bytes = try file.read(BlockHeader.bytes, at: offset)
        return BlockHeader(bytes.span)
    }

    /// The body of that block, as it is stored.
    func body(of header: BlockHeader, at offset: Int) throws(FileError) -> [UInt8] {
        try file.read(header.storedBytes, at: offset + BlockHeader.bytes)
    }

    /// A search of entries that are spread evenly, as prints are hashes: the place is guessed, then narrowed.
    private struct Search {
        let file: RandomAccessFile
        let start: Int
        let entries: Int
        var piece: [UInt8] = []
        var pieceStart = 0

        mutating func read(around place: Int) throws(FileError) {
            let size = DeviceBlocks.pieceEntries
            pieceStart = max(0, min(place - size / 2, entries - size))
            let wanted = 8 * min(size, entries - pieceStart)
            piece = try file.read(wanted, at: start + 8 * pieceStart)
            guard piece.count == wanted, wanted > 0 else {
                throw FileError(operation: "read the index", path: file.path, code: .inputOutput)
            }
        }

        /// The first entry that is not below `key`.
        mutating func lowerBound(
            _ key: UInt64, guess print: UInt32? = nil, from: Int = 0
        ) throws(FileError) -> Int {
            var (low, high) = (from, entries)
            var place = from
            if let print {
                place = Int(
                    UInt64(print).multipliedFullWidth(by: UInt64(entries)).high << 32
                        | UInt64(print).multipliedFullWidth(by: UInt64(entries)).low >> 32)
            } else if !piece.isEmpty, from >= pieceStart, from < pieceStart + piece.count / 8 {
                if let found = inPiece(key, low) { return found }
                low = pieceStart + piece.count / 8
                place = low
            }
            while low < high {
                try read(around: place)
                let end = pieceStart + piece.count / 8
                if piece.entry(0) >= key, pieceStart > low {
                    high = pieceStart
                } else if let found = inPiece(key, low) {
                    return found
                } else {
                    low = end
                }
                place = (low + high) / 2
            }
            return low
        }

        /// `nil`: all of the piece is below the key.
        private func inPiece(_ key: UInt64, _ from: Int) -> Int? {
            var low = max(0, from - pieceStart)
            var high = piece.count / 8
            let end = high
            while low < high {
                let middle = (low + high) / 2
                if piece.entry(middle) < key { low = middle + 1 } else { high = middle }
            }
            return low < end ? pieceStart + low : nil
        }
    }
}

extension [UInt8] {
    /// The entry of that number in a piece of an index.
    fileprivate func entry(_ number: Int) -> UInt64 {
        var value: UInt64 = 0
        for index in 8 * number..<8 * number + 8 { value = value << 8 | UInt64(self[index]) }
        return value
    }
}
