import Linux
import TestFiles
import Testing

@testable import Gateway

/// Which files of firmware images go, and when.
@Suite struct ImageKeeperTests {
    @Test("what could not be removed is removed the next time")
    func kept() throws {
        let directory = TemporaryDirectory()
        let files = FirmwareFiles(in: directory.path)
        // A directory can't be unlinked.
        let obstacle = files.path(of: 7)
        try FileSystem.createDirectory(obstacle, mode: 0o700)
        let keeper = ImageKeeper(files, hasPeers: false)
        #expect(throws: FileError.self) { _ = try keeper.sort([], isCaughtUp: true) }
        #expect(throws: FileError.self) { _ = try keeper.sort([], isCaughtUp: true) }
        try FileSystem.removeDirectory(obstacle)
        let bytes: [UInt8] = [1]
        try FileSystem.write(bytes.span, atomicallyTo: obstacle, mode: 0o600)
        #expect(try keeper.sort([], isCaughtUp: true).isEmpty)
        #expect(try files.names().isEmpty)
    }
}
