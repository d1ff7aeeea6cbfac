import Foundation
import Gateway
import Linux
import Testing

@testable import Admin

@Suite("Owner's token")
struct OwnerTokenTests {
    @Test(
        "the first start makes the token, mode 0600, outside the data directory, which has a link to it; every other start reads it"
    )
    func token() throws {
        let directory = NSTemporaryDirectory() + "tollgate-token-\(UUID().uuidString)"
        let files = FileManager.default
        for name in ["data", "secrets"] {
            try files.createDirectory(
                atPath: "\(directory)/\(name)", withIntermediateDirectories: true)
        }
        defer { try? files.removeItem(atPath: directory) }
        let (data, file) = ("\(directory)/data", "\(directory)/secrets/admin.token")
        var configuration = GatewayConfiguration()
        configuration.secrets = "\(directory)/secrets"
        let secrets = SecretsDirectory(of: configuration)
        func load() throws(FileError) -> OwnerToken {
            try OwnerToken.loaded(from: secrets, linkedIn: data)
        }
        let made = try load()
        #expect(made.text.utf8.count == 64)
        #expect(try files.attributesOfItem(atPath: file)[.posixPermissions] as? Int == 0o600)
        #expect(try files.destinationOfSymbolicLink(atPath: "\(data)/admin.token") == file)
        #expect(!"\(made)".contains(made.text))
        // Whatever else has the name gives way.
        try files.removeItem(atPath: "\(data)/admin.token")
        try Data("an older token\n".utf8).write(to: URL(filePath: "\(data)/admin.token"))
        #expect(try load() == made)
        #expect(
            try String(contentsOfFile: "\(data)/admin.token", encoding: .utf8).contains(made.text))
        try Data("short\n".utf8).write(to: URL(filePath: file))
        #expect(throws: FileError.self) { try load() }
    }
}
