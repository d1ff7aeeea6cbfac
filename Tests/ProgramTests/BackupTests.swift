import Foundation
import Processes
import Support
import Testing

@Suite("Backups by the program", .waits)
struct BackupTests {
    private func furnish(_ serving: Serving) throws {
        for command in [
            ["account", "create", "--id", "acme", "--name", "Acme"],
            ["package", "create", "--id", "basic", "--name", "Basic", "--validity-days", "30"],
            ["product", "create", "--pk", "lamp", "--name", "Lamp", "--account", "acme"],
            [
                "codes", "buy", "acme", "--package", "basic", "--quantity", "7", "--product",
                "lamp",
            ],
        ] {
            let result = try serving.run(command)
            #expect(result.code == 0, "\(result.errors)")
        }
        let imported = try serving.run(
            ["device", "import", "lamp", "-"], input: "dk,secret\nd1,s1\nd2,\n")
        #expect(imported.code == 0)
        #expect(try serving.run(["device", "activate", "lamp", "d1"]).code == 0)
    }

    @Test(
        "backup: through the gateway and without one; checked, and served from with the same secrets"
    )
    func backup() throws {
        let program = try Program()
        defer { program.remove() }
        let serving = try Serving(program)
        try furnish(serving)
        let events = try serving.run(["event", "list", "--json"]).output
        let hot = try serving.run(["backup", "backups/hot"])
        #expect(hot.code == 0, "\(hot.errors)")
        #expect(hot.output.hasPrefix("backup of "))
        #expect(
            hot.output.hasSuffix(
                " s: \(program.directory.resolvingSymlinksInPath().path)/backups/hot\n"))
        #expect(try serving.run(["device", "activate", "lamp", "d2"]).code == 0)
        // The token that is named is the one that is sent.
        for verb in [["backup", "backups/other"], ["check"]] {
            let environment = ["TOLLGATE_API": serving.api, "TOLLGATE_TOKEN": "not-the-owners"]
            let refused = try program.run(verb, environment: environment)
            #expect(refused.code == 1 && refused.errors.contains("unauthorized"), "\(refused)")
        }
        #expect(serving.end() == 0)

        let cold = try program.run(["backup", "backups/cold", "--json"])
        let document = try JSONSerialization.jsonObject(with: Data(cold.output.utf8))
        let backup = try #require(document as? [String: Any])
        #expect(backup["state"] as? String == "done")
        for name in ["hot", "cold"] {
            let files = try FileManager.default.subpathsOfDirectory(
                atPath: program.directory.appending(path: "backups/\(name)").path)
            #expect(files.sorted() == ["ledger", "ledger/data.mdb", "usage", "usage/data.mdb"])
        }

        // Without the key file the secrets are not tried; with a wrong one they don't open.
        let alone = try program.run(["check", "--data", "backups/hot"])
        #expect(alone.code == 0 && alone.output == Program.balance)
        #expect(
            alone.errors
                == "tollgate: backups/hot.secrets/device-secrets.key: no such file: the secrets were not tried\n"
        )
        let tried = try program.run(["check", "--data", "backups/hot", "--secrets", "data.secrets"])
        #expect(tried.code == 0 && tried.errors.isEmpty)
        let other = program.directory.appending(path: "other")
        try FileManager.default.createDirectory(at: other, withIntermediateDirectories: true)
        try Data("1 \(String(repeating: "0a", count: 32))\n".utf8)
            .write(to: other.appending(path: "device-secrets.key"))
        let wrong = try program.run(["check", "--data", "backups/hot", "--secrets", "other"])
        #expect(wrong.code == 1)
        #expect(wrong.errors.contains("has not the key 1"))

        // The older one, in the place of the newer.
        let restored = try Serving(
            program, ["--data", "backups/hot", "--set", "secrets=data.secrets"])
        let token = ["--token-file", "backups/hot/admin.token"]
        #expect(try restored.run(["event", "list", "--json"] + token).output == events)
        #expect(try restored.run(["check", "--data", "backups/hot"]).output == Program.balance)
        let figures = try restored.run(["product", "show", "lamp", "--json"] + token).output
        #expect(figures.contains("\"remaining\":6,\"consumed\":1"))
        #expect(restored.end() == 0)
    }

    @Test("backup: firmware images are in it, and are served from it; the check reads them")
    func images() throws {
        let program = try Program()
        defer { program.remove() }
        let settings = ["--set", "firmware.url=http://127.0.0.1:1"]
        let serving = try Serving(program, settings)
        try furnish(serving)
        let image = Data((0..<300_000).map { _ in UInt8.random(in: 0...255) })
        try image.write(to: program.directory.appending(path: "image.bin"))
        let upload = ["firmware", "upload", "lamp", "2.0", "image.bin"]
        #expect(try serving.run(upload).code == 0)
        let hot = try serving.run(["backup", "backups/hot"])
        #expect(hot.code == 0 && hot.errors.isEmpty, "\(hot)")
        let files = FileManager.default
        func path(_ data: String) throws -> URL {
            let directory = program.directory.appending(path: "\(data)/firmware")
            let names = try files.contentsOfDirectory(atPath: directory.path)
            return directory.appending(path: try #require(names.first))
        }
        #expect(try Data(contentsOf: path("backups/hot")) == image)
        let lost = try path("data")
        try files.removeItem(at: lost)
        let check = try serving.run(["check"])
        #expect(check.code == 1, "\(check)")
        #expect(check.errors.contains("firmware 2.0 of product lamp: "), "\(check)")
        #expect(check.errors.contains("\(lost.lastPathComponent) is missing"), "\(check)")
        #expect(serving.end() == 0)
        let poor = try program.run(["backup", "backups/poor"])
        let lacks = "tollgate: the backup lacks firmware images that are missing, or damaged: 1; "
        #expect(poor.code == 0 && poor.errors.hasPrefix(lacks), "\(poor)")

        let tried = ["check", "--data", "backups/hot", "--secrets", "data.secrets"]
        #expect(try program.run(tried).output == Program.balance)
        let restored = try Serving(
            program, ["--data", "backups/hot", "--set", "secrets=data.secrets"] + settings)
        let token = ["--token-file", "backups/hot/admin.token"]
        let show = ["firmware", "show", "lamp", "2.0", "--json"]
        #expect(try restored.run(show + token).output.contains("\"stored\":true"))
        #expect(restored.end() == 0)
        let copy = try path("backups/hot")
        #expect(try Data(contentsOf: copy) == image)
        try Data(image.reversed()).write(to: copy)
        let damaged = try program.run(tried)
        #expect(damaged.code == 1)
        #expect(damaged.errors.contains(" is damaged: it has another SHA-256"), "\(damaged)")
    }

    @Test("a backup that is killed is there whole, or not at all")
    func killed() throws {
        let program = try Program()
        defer { program.remove() }
        let serving = try Serving(program)
        try furnish(serving)
        let rows = (0..<5_000).map { "device-\($0),\n" }.joined()
        #expect(
            try serving.run(["device", "import", "lamp", "-"], input: "dk,secret\n\(rows)").code
                == 0)
        #expect(serving.end() == 0)
        let files = FileManager.default
        var wholeCount = 0
        for round in 0..<8 {
            let process = program.process(["backup", "backups/copy-\(round)"], [:])
            process.standardOutput = FileHandle.nullDevice
            process.standardError = FileHandle.nullDevice
            try process.run()
            Thread.sleep(forTimeInterval: 0.02 * Double(round))
            kill(process.processIdentifier, SIGKILL)
            process.waitUntilExit()
            let copy = program.directory.appending(path: "backups/copy-\(round)").path
            guard files.fileExists(atPath: copy) else { continue }
            wholeCount += 1
            let check = try program.run([
                "check", "--data", "backups/copy-\(round)", "--secrets", "data.secrets",
            ])
            #expect(check.output == Program.balance, "\(check.errors)")
        }
        #expect(wholeCount < 8, "none was cut off")
        // The store itself is as it was, and what was left behind is named.
        #expect(try program.run(["check"]).output == Program.balance)
        try files.createDirectory(
            at: program.directory.appending(path: "backups/new.partial"),
            withIntermediateDirectories: true)
        let again = try program.run(["backup", "backups/new"])
        #expect(again.code == 1 && again.errors.contains("new.partial is there: another backup"))
    }

    @Test("backup: what can't be is one line and exit code 1, with a gateway and without")
    func refused() throws {
        let program = try Program()
        defer { program.remove() }
        let serving = try Serving(program)
        try FileManager.default.createDirectory(
            at: program.directory.appending(path: "backups/full/x"),
            withIntermediateDirectories: true)
        let root = program.directory.resolvingSymlinksInPath().path
        let complaints = [
            (
                "backups/full",
                "tollgate: backup-directory: \(root)/backups/full: the directory is not empty\n"
            ),
            (
                "data/new",
                "tollgate: backup-directory: \(root)/data/new: must not be in the data directory\n"
            ),
            (
                "backups/no/such",
                "tollgate: backup-directory: \(root)/backups/no/such: "
                    + "there is no directory \(root)/backups/no\n"
            ),
            (
                "data.secrets/x",
                "tollgate: backup-directory: \(root)/data.secrets/x: must not be in the secrets directory\n"
            ),
            (
                "elsewhere",
                "tollgate: backup-directory: \(root)/elsewhere: must be below ./backups or "
                    + "/var/backups/tollgate (backup.directories of the configuration)\n"
            ),
            (
                "backups",
                "tollgate: backup-directory: \(root)/backups: must be below ./backups or "
                    + "/var/backups/tollgate (backup.directories of the configuration)\n"
            ),
        ]
        for isServing in [true, false] {
            if !isServing { #expect(serving.end() == 0) }
            for (directory, complaint) in complaints {
                let arguments = ["backup", directory]
                let result =
                    isServing ? try serving.run(arguments) : try program.run(arguments)
                #expect(result.code == 1 && result.errors.hasPrefix(complaint))
            }
        }
        try FileManager.default.removeItem(
            at: program.directory.appending(path: "data/usage/data.mdb"))
        let half = try program.run(["backup", "backups/new"])
        #expect(half.code == 1)
        #expect(half.errors == "tollgate: open ./data/usage/data.mdb: No such file or directory\n")
    }

    @Test("backup: where the configuration says, by the gateway and without one")
    func configured() throws {
        let program = try Program()
        defer { program.remove() }
        let root = program.directory.resolvingSymlinksInPath().path
        try Data("backup: {directories: [copies]}\n".utf8)
            .write(to: program.directory.appending(path: "backup.yaml"))
        let serving = try Serving(program, ["--set", "backup.directories=copies \(root)/more"])
        for directory in ["copies/a", "more/b"] {
            let result = try serving.run(["backup", directory])
            #expect(result.code == 0, "\(result.errors)")
        }
        #expect(try serving.run(["backup", "backups/c"]).code == 1)
        #expect(serving.end() == 0)
        #expect(try program.run(["backup", "copies/d", "--config", "backup.yaml"]).code == 0)
        #expect(try program.run(["backup", "more/e", "--config", "backup.yaml"]).code == 1)
        #expect(try program.run(["backup", "x/f", "--set", "backup.directories=x"]).code == 0)
        let environment = ["TOLLGATE_BACKUP_DIRECTORIES": "x"]
        #expect(try program.run(["backup", "x/g"], environment: environment).code == 0)
        // A link out of it leads to where it leads.
        try FileManager.default.createSymbolicLink(
            atPath: "\(root)/x/link", withDestinationPath: root)
        let result = try program.run(["backup", "x/link/h"], environment: environment)
        #expect(result.code == 1 && result.errors.contains("must be below x "), "\(result.errors)")
    }
}
