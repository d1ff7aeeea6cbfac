import Linux
import TestFiles
import Testing

@Suite struct TemporaryFileTests {
    @Test("What is appended is read, anywhere; the file has no name")
    func appendAndRead() throws {
        let directory = try TemporaryDirectory()
        var file = try TemporaryFile(in: directory.path)
        let bytes = (0..<100_000).map { UInt8(truncatingIfNeeded: $0) }
        try file.append(bytes.span.extracting(0..<70_000))
        try file.append(bytes.span.extracting(70_000..<100_000))
        let count = file.count
        #expect(count == 100_000)
        let (whole, seam, end) = (
            try file.read(at: 0, maximum: .max), try file.read(at: 69_999, maximum: 2),
            try file.read(at: 100_000, maximum: 9)
        )
        #expect(whole == bytes && seam == Array(bytes[69_999...70_000]) && end.isEmpty)
        #expect(throws: FileError.self) {
            try FileSystem.read("\(directory.path)/missing", maximumBytes: 1)
        }
        #expect(throws: FileError.self) { _ = try TemporaryFile(in: "\(directory.path)/missing") }
    }
}
