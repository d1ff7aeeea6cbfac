import Foundation
import Gateway
import HTTPTypes
import Linux
import Processes
import Testing

@testable import Admin

@Suite("Owner's token", .serves)
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

/// What requests with an idempotency key make ids and secrets from.
@Suite("Mint key", .serves)
struct MintKeyTests {
    /// A secrets directory of a test's own.
    private final class Place {
        let path = NSTemporaryDirectory() + "tollgate-mint-\(UUID().uuidString)"
        var key: String { "\(path)/mint.key" }
        var token: String { "\(path)/admin.token" }

        init() throws {
            try FileManager.default.createDirectory(
                atPath: path, withIntermediateDirectories: true)
        }

        deinit { try? FileManager.default.removeItem(atPath: path) }

        func load() throws(MintKeyProblem) -> MintKey {
            var configuration = GatewayConfiguration()
            configuration.secrets = path
            return try MintKey.loaded(from: SecretsDirectory(of: configuration))
        }

        func write(_ text: String, to path: String) throws {
            try Data(text.utf8).write(to: URL(filePath: path))
        }
    }

    private func text(_ key: MintKey) -> String {
        var mint = Mint(key: key, actor: "owner", idempotencyKey: "k")
        return mint.text(10)
    }

    @Test(
        "A8: what was minted under an owner's token is minted again, also when that is another one later"
    )
    func older() throws {
        let place = try Place()
        let token = String(repeating: "0123456789abcdef", count: 4)
        try place.write("\(token)\n", to: place.token)
        // As programs without a mint key made it of this token.
        let first = "Loy446uMLo"
        #expect(text(try place.load()) == first)
        let attributes = try FileManager.default.attributesOfItem(atPath: place.key)
        #expect(attributes[.posixPermissions] as? Int == 0o600)
        try place.write("another token of the owner\n", to: place.token)
        #expect(text(try place.load()) == first)
    }

    @Test(
        "the first start makes a key that is not the token, every other reads it, and so do others that have a copy"
    )
    func made() throws {
        let (place, other) = (try Place(), try Place())
        let key = try place.load()
        #expect(key.text.utf8.count == 64 && !"\(key)".contains(key.text))
        #expect(try place.load() == key)
        #expect(text(try other.load()) != text(key))
        try FileManager.default.removeItem(atPath: other.key)
        try FileManager.default.copyItem(atPath: place.key, toPath: other.key)
        try other.write("a token of its own, as each has\n", to: other.token)
        #expect(text(try other.load()) == text(key))
    }

    @Test(
        "a key, or a token, that is too short is refused in words, and no file is made or changed")
    func short() throws {
        let place = try Place()
        try place.write("short\n", to: place.token)
        let ofToken = MintKeyProblem.token(.tooShort(path: place.token))
        #expect(throws: ofToken) { try place.load() }
        #expect("\(ofToken)".hasPrefix("\(place.token): the owner's token has 16 characters"))
        #expect(!FileManager.default.fileExists(atPath: place.key))
        try place.write("", to: place.key)
        let ofKey = MintKeyProblem.tooShort(path: place.key)
        #expect(throws: ofKey) { try place.load() }
        #expect("\(ofKey)".hasPrefix("\(place.key): the mint key has 16 characters at least"))
        #expect(try String(contentsOfFile: place.key, encoding: .utf8) == "")
    }

    @Test("A8: the same request at two nodes that share the key makes the same ids and secrets")
    func nodes() async throws {
        let key = MintKey(text: "a key that two nodes have")
        let clients = [try Client(mintKey: key), try Client(mintKey: key), try Client()]
        var answers: [Client.Answer] = []
        for client in clients {
            let headers = ["Idempotency-Key": "once"]
            let account: JSON = ["name": "Acme", "kind": "enterprise"]
            let answer = try await client.send(
                .post, "/v1/accounts", account.bytes, headers: headers)
            #expect(answer.status == 201)
            answers.append(answer)
        }
        #expect(answers[0].bytes == answers[1].bytes)
        #expect(answers[0].json["id"] != answers[2].json["id"])
    }
}
