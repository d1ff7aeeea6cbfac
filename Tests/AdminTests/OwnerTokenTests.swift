import Foundation
import Linux
import Testing

@testable import Admin

@Suite("Owner's token")
struct OwnerTokenTests {
    @Test("the first start makes the token, mode 0600, and every other start reads it")
    func token() throws {
        let directory = NSTemporaryDirectory() + "tollgate-token-\(UUID().uuidString)"
        try FileManager.default.createDirectory(
            atPath: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let made = try OwnerToken.loaded(fromDirectory: directory)
        #expect(made.text.utf8.count == 64)
        let attributes = try FileManager.default.attributesOfItem(
            atPath: "\(directory)/admin.token")
        #expect(attributes[.posixPermissions] as? Int == 0o600)
        #expect(try OwnerToken.loaded(fromDirectory: directory) == made)
        #expect(!"\(made)".contains(made.text))
        try Data("short\n".utf8).write(to: URL(filePath: "\(directory)/admin.token"))
        #expect(throws: FileError.self) { try OwnerToken.loaded(fromDirectory: directory) }
    }
}
