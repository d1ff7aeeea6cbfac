import Bytes
public import Linux

/// Proves segments: that every block is whole, and every index agrees with its blocks.
public enum MessageAudit {
    /// Whether all is right in the directory: sentences that name what is wrong, at most `limit`; none of a directory
    /// that is not there. May be asked while a gateway writes: what has only begun to be written is no fault.
    ///
    /// Throws when a file can't be read.
    public static func verify(
        _ directory: String, limit: Int = 100
    ) throws(FileError) -> [String] {
        let names: [String]
        do throws(FileError) {
            names = try FileSystem.names(in: directory)
        } catch {
            guard error.code == .noSuchFile else { throw error }
            return []
        }
        let segments = names.compactMap { name in Segment.parse(name).map { (name, $0) } }
            .sorted { $0.1.number < $1.1.number }
        var findings = try verifyDeletions(in: directory)
        for (name, (days, number)) in segments where findings.count < limit {
            let isLatest = !segments.contains { $0.1.days == days && $0.1.number > number }
            do throws(FileError) {
                findings += try verify(
                    "\(directory)/\(name)", days: days, number: number, isLatest: isLatest)
            } catch {
                // Its time was over meanwhile.
                guard error.code == .noSuchFile else { throw error }
            }
        }
        return Array(findings.prefix(limit))
    }

    private static func verifyDeletions(in directory: String) throws(FileError) -> [String] {
        let damages = try DeletionFile.damages(in: directory)
        return damages == 0
            ? [] : ["\(directory)/deletions: it is damaged in \(damages) places"]
    }

    private static func verify(
        _ path: String, days: Int, number: UInt64, isLatest: Bool
    ) throws(FileError) -> [String] {
        let file = try RandomAccessFile(path, for: .reading)
        let size = try file.size()
        let trailer = try Segment.trailer(of: file, size: size)
        let end = trailer?.indexOffset ?? size
        guard let scan = try SegmentScan(file, days: days, number: number, end: end) else {
            return ["\(path): its head is damaged"]
        }
        var findings: [String] = []
        if scan.damagedBlocks > 0 {
            findings.append("\(path): \(scan.damagedBlocks) blocks are damaged")
        }
        if let trailer {
            let index = try file.read(8 * trailer.indexCount, at: trailer.indexOffset)
            if scan.segment.blocksEnd < end {
                findings.append("\(path): no block at byte \(scan.segment.blocksEnd)")
            }
            if CRC32C.of(index.span) != trailer.indexChecksum {
                findings.append("\(path): its index is damaged")
            } else if scan.isWhole, !scan.agrees(with: index, trailer) {
                findings.append("\(path): its index does not agree with its blocks")
            }
        } else if scan.segment.blocksEnd < end, !isLatest {
            findings.append("\(path): no block at byte \(scan.segment.blocksEnd), and no index")
        }
        return findings
    }
}

extension SegmentScan {
    fileprivate var isWhole: Bool { damagedBlocks == 0 && segment.blocksEnd == segment.bytes }

    fileprivate func agrees(with index: [UInt8], _ trailer: SegmentTrailer) -> Bool {
        var expected: [UInt8] = []
        expected.reserveCapacity(8 * entries.count)
        for entry in entries {
            for shift in stride(from: UInt64(56), through: 0, by: -8) {
                expected.append(UInt8(truncatingIfNeeded: entry >> shift))
            }
        }
        return expected == index && segment.messages == trailer.messages
            && segment.lastTime == trailer.lastTime && segment.firstTime == trailer.firstTime
            && segment.lastSequence == trailer.lastSequence
    }
}
