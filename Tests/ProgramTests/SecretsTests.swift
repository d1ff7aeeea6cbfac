import Foundation
import Processes
import Support
import Testing

@Suite("Secrets of the program", .waits)
struct SecretsTests {
    /// Every file below a directory, symbolic links as what they say.
    private static func contents(_ directory: URL) throws -> [String: Data] {
        let files = FileManager.default
        var contents: [String: Data] = [:]
        for name in try files.subpathsOfDirectory(atPath: directory.path) {
            let path = directory.appending(path: name).path
            if let target = try? files.destinationOfSymbolicLink(atPath: path) {
                contents[name] = Data(target.utf8)
            } else if let data = files.contents(atPath: path) {
                contents[name] = data
            }
        }
        return contents
    }

    private static let serve = [
        "serve", "--set", "listeners.devices.tls=false", "--set", "listeners.devices.port=0",
        "--set", "listeners.local.port=0", "--set", "admin.port=0",
        "--set", "storage.ledgerMapBytes=67108864", "--set", "storage.usageMapBytes=67108864",
    ]

    @Test(
        "a key file that is missing, malformed or another one stops the start with one line and exit code 1, and nothing is changed"
    )
    func wrongKeys() throws {
        let program = try Program()
        defer { program.remove() }
        let serving = try Serving(program)
        let keyFile = program.directory.appending(path: "data.secrets/device-secrets.key")
        let events = try serving.run(["event", "list"]).output
        #expect(events.contains("sealing-keys-adopted") && events.contains(#"{"numbers":[1]}"#))
        #expect(serving.end() == 0)
        let right = try Data(contentsOf: keyFile)
        let data = program.directory.appending(path: "data")
        let before = try Self.contents(data)
        let remedy = "or say where it is (secrets: in the configuration)\n"
        let path = "tollgate: ./data.secrets/device-secrets.key"
        let other = "2 \(String(repeating: "ab", count: 32))\n"
        for (content, complaint) in [
            (
                nil,
                "\(path): there is no such file, and secrets in ./data are sealed with its keys; "
                    + "put it back, \(remedy)"
            ),
            (
                "1 \(String(repeating: "ab", count: 32))\n",
                "\(path): key 1 is not the one that secrets in ./data are sealed with; "
                    + "put the right file back, \(remedy)"
            ),
            (
                other,
                "\(path): key 1 is missing, which secrets in ./data are sealed with; "
                    + "put the right file back, \(remedy)"
            ),
            ("1 abc\n", "\(path):1: must be a number from 1 to 255 and 64 hexadecimal digits\n"),
        ] as [(String?, String)] {
            try FileManager.default.removeItem(at: keyFile)
            try content.map { try Data($0.utf8).write(to: keyFile) }
            let result = try program.run(Self.serve)
            #expect(result.code == 1)
            #expect(result.errors == complaint)
            #expect(FileManager.default.fileExists(atPath: keyFile.path) == (content != nil))
            // LMDB's table of readers is the only file that opening touches.
            let after = try Self.contents(data)
            for name in Set(before.keys).union(after.keys) where !name.hasSuffix("lock.mdb") {
                #expect(before[name] == after[name], "\(name) was changed")
            }
            if content == nil { try Data().write(to: keyFile) }
        }
        // A line more is a new key; it is adopted, once.
        try (right + Data(other.utf8)).write(to: keyFile)
        let again = try Serving(program)
        let more = try again.run(["event", "list"]).output
        #expect(more.contains(#"{"numbers":[2]}"#))
        #expect(again.end() == 0)
    }

    @Test(
        "a secrets directory inside the data directory is refused in one line, before anything is made"
    )
    func inside() throws {
        let program = try Program()
        defer { program.remove() }
        let result = try program.run(Self.serve + ["--set", "secrets=./data/secrets"])
        #expect(result.code == 1)
        #expect(
            result.errors
                == "tollgate: ./data/secrets: the secrets directory must not be in the data directory, "
                + "./data; say where it is (secrets: in the configuration)\n"
        )
        let data = program.directory.appending(path: "data").path
        #expect(try FileManager.default.subpathsOfDirectory(atPath: data).isEmpty)
    }

    @Test(
        "a copy of the data directory after real use holds no token, no device's and no product's secret"
    )
    func byteSearch() throws {
        let program = try Program()
        defer { program.remove() }
        let serving = try Serving(program)
        func json(_ arguments: [String], input: String? = nil) throws -> [String: Any] {
            let result = try serving.run(arguments + ["--json"], input: input)
            #expect(result.code == 0, "\(result.errors)")
            let object = try JSONSerialization.jsonObject(with: Data(result.output.utf8))
            return try #require(object as? [String: Any])
        }
        _ = try json(["account", "create", "--id", "acme", "--name", "Acme"])
        let product = try json([
            "product", "create", "--pk", "lamp", "--name", "Lamp", "--account", "acme",
        ])
        let key = try json(["key", "create", "--name", "backend", "--account", "acme"])
        let rows = (1...500).map { "d\($0),\($0 % 2 == 0 ? "given-secret-\($0)" : "")\n" }.joined()
        let imported = try serving.run(
            ["device", "import", "lamp", "-"], input: "dk,secret\n\(rows)")
        let reset = try json(["device", "reset-secret", "lamp", "d2", "--yes"])
        let made = imported.output.split(whereSeparator: \.isNewline).dropFirst()
            .compactMap { $0.split(separator: ",").last.map(String.init) }
        let probe = ["probe", "--url", serving.listener, "--user", "d1&lamp"]
        _ = try serving.run(probe)
        let secrets = program.directory.appending(path: "data.secrets")
        let token = try String(
            contentsOf: secrets.appending(path: "admin.token"), encoding: .utf8
        ).trimmingCharacters(in: .whitespacesAndNewlines)
        #expect(serving.end() == 0)
        let forbidden =
            made + [token]
            + [product["secret"], key["secret"], reset["secret"]].compactMap {
                $0 as? String
            }
        #expect(forbidden.count == 504 && forbidden.allSatisfy { $0.utf8.count >= 14 })
        let data = program.directory.appending(path: "data")
        let copy = program.directory.appending(path: "copy")
        try FileManager.default.copyItem(at: data, to: copy)
        let contents = try Self.contents(copy)
        #expect(contents.keys.contains("ledger/data.mdb"))
        #expect(
            contents["admin.token"].map { String(decoding: $0, as: UTF8.self) }?
                .hasSuffix("/data.secrets/admin.token") == true)
        let keys = try String(
            contentsOf: secrets.appending(path: "device-secrets.key"), encoding: .utf8
        ).split(whereSeparator: \.isWhitespace).filter { $0.utf8.count == 64 }
        #expect(keys.count == 1)
        let mint = try String(
            contentsOf: secrets.appending(path: "mint.key"), encoding: .utf8
        ).trimmingCharacters(in: .whitespacesAndNewlines)
        #expect(mint.utf8.count == 64 && mint != token)
        for (name, bytes) in contents {
            let text = String(decoding: bytes, as: Unicode.ASCII.self)
            for secret in forbidden + keys.map(String.init) + [mint] where text.contains(secret) {
                Issue.record("\(name) holds a secret")
            }
        }
        // The search would find it: the product's name is there.
        let books = try #require(contents["ledger/data.mdb"])
        #expect(books.firstRange(of: Data("Lamp".utf8)) != nil)
    }

    @Test("the secrets directory and what is in it is for the owner alone")
    func modes() throws {
        let program = try Program()
        defer { program.remove() }
        let serving = try Serving(program, ["--set", "secrets=elsewhere/keys"])
        #expect(try serving.run(["check"]).output == Program.balance)
        #expect(serving.end() == 0)
        let files = FileManager.default
        let directory = program.directory.appending(path: "elsewhere/keys").path
        for (name, mode) in [
            (".", 0o700), ("admin.token", 0o600), ("device-secrets.key", 0o600),
            ("mint.key", 0o600), ("ticket.key", 0o600),
        ] {
            let attributes = try files.attributesOfItem(atPath: "\(directory)/\(name)")
            #expect(attributes[.posixPermissions] as? Int == mode, "\(name)")
        }
        #expect(!files.fileExists(atPath: program.directory.appending(path: "data.secrets").path))
    }
}
