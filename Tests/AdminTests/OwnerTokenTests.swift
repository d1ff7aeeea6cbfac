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
        func load() throws(OwnerTokenProblem) -> OwnerToken {
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
        for text in ["short\n", "", " \n"] {
            try Data(text.utf8).write(to: URL(filePath: file))
            let problem = OwnerTokenProblem.tooShort(path: file)
            #expect(throws: problem) { try load() }
            #expect("\(problem)".hasPrefix("\(file): the owner's token has 16 characters at least"))
            #expect(try String(contentsOfFile: file, encoding: .utf8) == text)
        }
    }
}
