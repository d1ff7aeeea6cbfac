import LedgerModel
import Linux
import TestFiles
import Testing
import Time

@testable import MessageLog

@Suite struct DamageTests {
    /// Four flushes in one segment, and the bytes that it had after each.
    private func segment() throws -> (TestLog, file: String, ends: [Int]) {
        let test = try TestLog()
        var ends: [Int] = []
        for number in 0..<4 {
            test.write((0..<40).map { Sample(.lamp($0), "up/\(number)", [UInt8(number)]) })
            ends.append(test.log.standing.bytes)
        }
        test.log.stop()
        return (test, "\(test.log.settings.directory)/\(test.files[0])", ends)
    }

    private func payloads(_ test: TestLog, _ device: Int) throws -> [[UInt8]] {
        try test.all(of: .lamp(device)).map(\.payload)
    }

    @Test("cut anywhere, a segment is opened to its last whole block, and written anew behind it")
    func cuts() throws {
        let (test, path, ends) = try segment()
        let whole = try FileSystem.read(path, maximumBytes: 1 << 20)
        let places = Set(
            stride(from: 0, to: whole.count, by: 97) + ends + ends.map { $0 - 1 } + [
                whole.count - 1
            ])
        for place in places {
            let directory = TemporaryDirectory()
            try FileSystem.createDirectory(directory.file("messages"), mode: 0o700)
            let copy = "\(directory.file("messages"))/\(test.files[0])"
            let part = Array(whole[..<place])
            try FileSystem.write(part.span, atomicallyTo: copy, mode: 0o600)
            let opened = try TestLog(in: directory)
            let count = ends.count { $0 <= place }
            #expect(try payloads(opened, 5) == (0..<count).map { [UInt8($0)] }, "at \(place)")
            opened.write([Sample(.lamp(5), "up/new", [99])])
            #expect(try payloads(opened, 5).last == [99])
            opened.log.stop()
            #expect(try opened.findings == [], "at \(place)")
            let again = try TestLog(in: directory)
            #expect(try payloads(again, 5) == (0..<count).map { [UInt8($0)] } + [[99]])
            again.log.stop()
        }
    }

    @Test("a bit that has flipped is found by the audit, and costs its block at most")
    func bits() throws {
        let (test, path, ends) = try segment()
        let whole = try FileSystem.read(path, maximumBytes: 1 << 20)
        for place in stride(from: 0, to: whole.count, by: 61) {
            let directory = TemporaryDirectory()
            try FileSystem.createDirectory(directory.file("messages"), mode: 0o700)
            let copy = "\(directory.file("messages"))/\(test.files[0])"
            var damaged = whole
            damaged[place] ^= 1 << UInt8(place % 8)
            try FileSystem.write(damaged.span, atomicallyTo: copy, mode: 0o600)
            // Of a trailer that is damaged, the blocks say the same: that is what a crash leaves, too.
            let isInTrailer = place >= whole.count - SegmentTrailer.bytes
            let findings = try MessageAudit.verify(directory.file("messages"))
            #expect(findings.isEmpty == isInTrailer, "at \(place): \(findings)")
            if place < Segment.headBytes { continue }
            let opened = try TestLog(in: directory)
            let found = Set(try (0..<40).flatMap { try payloads(opened, $0) })
            let hit = ends.firstIndex { place < $0 }
            for number in 0..<4 where number != hit {
                // The index is one page here: damaged, it may hide a device, and the audit says so.
                #expect(found.contains([UInt8(number)]), "\(number) at \(place)")
            }
            opened.log.stop()
        }
    }

    @Test(
        "behind a damaged head the blocks are found again, of a segment that a crash left without an index"
    )
    func head() throws {
        let (test, path, ends) = try segment()
        var bytes = Array(try FileSystem.read(path, maximumBytes: 1 << 20)[..<ends[3]])
        bytes[ends[0] + 10] ^= 1
        let directory = TemporaryDirectory()
        try FileSystem.createDirectory(directory.file("messages"), mode: 0o700)
        let copy = "\(directory.file("messages"))/\(test.files[0])"
        try FileSystem.write(bytes.span, atomicallyTo: copy, mode: 0o600)
        let opened = try TestLog(in: directory)
        #expect(try payloads(opened, 5) == [[0], [2], [3]])
        #expect(opened.notices.all == [.recovered(copy, cutBytes: 0, damaged: 1)])
        opened.log.stop()
        #expect(try opened.findings == ["\(copy): 1 blocks are damaged"])
    }

    @Test(
        "a file that can't be read is left out, and one that is no segment is left where it can be found"
    )
    func unreadable() throws {
        let (test, _, _) = try segment()
        let directory = test.log.settings.directory
        let (blocked, foreign) = (
            Segment.name(days: 7, number: 900), Segment.name(days: 7, number: 901)
        )
        // Nothing opens a directory for writing.
        try FileSystem.createDirectory("\(directory)/\(blocked)", mode: 0o700)
        let bytes = [UInt8](repeating: 7, count: 1_000)
        try FileSystem.write(bytes.span, atomicallyTo: "\(directory)/\(foreign)", mode: 0o600)
        let opened = try TestLog(in: test.directory)
        #expect(try payloads(opened, 5) == (0..<4).map { [UInt8($0)] })
        let said = opened.notices.all
        #expect(said.contains(.damaged("\(directory)/\(foreign).damaged")))
        let isSaid = said.contains { notice in
            if case .unreadable(let path, _) = notice { path.hasSuffix(blocked) } else { false }
        }
        #expect(isSaid && said.count == 2)
        #expect(
            try FileSystem.read("\(directory)/\(foreign).damaged", maximumBytes: 2_000) == bytes)
        opened.log.stop()
    }

    @Test("a deletion that is damaged on the disk takes no other with it", arguments: [0, 12])
    func deletions(place: Int) throws {
        let test = try TestLog()
        test.write((1...3).map { Sample(.lamp($0)) })
        for number in 1...3 { test.log.delete(messagesOf: .lamp(number), until: TestLog.noon) }
        test.log.stop()
        let path = "\(test.log.settings.directory)/deletions"
        var bytes = try FileSystem.read(path, maximumBytes: 1 << 20)
        bytes[place] ^= 1
        try FileSystem.write(bytes.span, atomicallyTo: path, mode: 0o600)
        #expect(try test.findings == ["\(path): it is damaged in 1 places"])
        let again = try TestLog(in: test.directory)
        #expect(again.notices.all == [.damaged(path)])
        // Its head is no deletion; a record is one device's.
        let shown = try (1...3).filter { try !again.all(of: .lamp($0)).isEmpty }
        #expect(shown.count == (place == 0 ? 0 : 1))
        for number in shown { again.log.delete(messagesOf: .lamp(number), until: TestLog.noon) }
        again.log.stop()
        let third = try TestLog(in: test.directory)
        for number in 1...3 { #expect(try third.all(of: .lamp(number)).isEmpty) }
        third.log.stop()
    }

    @Test("how far events were heard is known to the next start, once it has begun to be said")
    func heard() throws {
        let test = try TestLog()
        #expect(test.log.heardAtStart == nil)
        test.log.hasHeard(7)
        test.log.stop()
        let second = try TestLog(in: test.directory)
        #expect(second.log.heardAtStart == nil)
        second.log.beginHearing(from: 7)
        second.log.hasHeard(9)
        second.log.stop()
        let third = try TestLog(in: test.directory)
        #expect(third.log.heardAtStart == 9)
        third.log.stop()
    }

    @Test("bytes of no kind are no segment, and are not opened")
    func nonsense() throws {
        let directory = TemporaryDirectory()
        try FileSystem.createDirectory(directory.file("messages"), mode: 0o700)
        let name = Segment.name(days: 7, number: 1)
        #expect(Segment.parse(name)?.number == 1 && Segment.parse(name)?.days == 7)
        for other in ["7-1.messages", "x", "70000-0000000000000001.messages", "7-.messages"] {
            #expect(Segment.parse(other) == nil)
        }
        let noise = (0..<5_000).map { _ in UInt8.random(in: 0...255) }
        let path = "\(directory.file("messages"))/\(name)"
        try FileSystem.write(noise.span, atomicallyTo: path, mode: 0o600)
        #expect(try MessageAudit.verify(directory.file("messages")).count == 1)
        let opened = try TestLog(in: directory)
        #expect(try opened.all(of: .lamp(1)).isEmpty)
        opened.log.stop()
        for count in [0, 1, 59, 60, 200] {
            #expect(BlockHeader(noise.span.extracting(0..<count)) == nil)
        }
    }
}
