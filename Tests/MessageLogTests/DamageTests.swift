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

    @Test("CRC-32C is that of RFC 3720")
    func checksum() {
        #expect(Checksum.of(Array("123456789".utf8).span) == 0xE306_9283)
        #expect(Checksum.of([UInt8](repeating: 0, count: 32).span) == 0x8A91_36AA)
        #expect(Checksum.of(Array(0..<32 as Range<UInt8>).span) == 0x46DD_794E)
    }
}
