import Admin
import ArgumentParser
import FoundationEssentials
import Gateway
import Linux
import Settings
import Time

/// Copies both stores and the firmware images into a directory, while the gateway runs or without one.
struct BackUp: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "backup",
        abstract: "Copies the stores and firmware images, while they are in use or not.",
        discussion: """
            DIR must not be there, or be empty, and be below a directory that the configuration names \
            (backup.directories: ./backups and /var/backups/tollgate by default); what is in it \
            afterwards is a data directory to check and to serve from. Asks the gateway that has the \
            stores open (or the one at --api), which writes on its own machine, by its own \
            configuration; without one, copies the stores itself. The secrets directory is not part of it.
            """
            .followed(byExamples: "backup /var/backups/tollgate/2026-11-21")
    )

    @Argument(help: "Where the copies go.") var directory: String
    @OptionGroup var settings: SettingsOptions
    @Option(help: "The directory of the stores; the same as --set data=DIR.") var data: String?
    @OptionGroup var api: APIOptions

    func run() async throws {
        let target = FileSystem.resolved(directory)
        let configuration = try settings.load(data: data)
        let data = configuration.data
        let backup: JSON
        if api.api == nil, FileManager.default.fileExists(atPath: "\(data)/ledger") {
            backup = try await copyOrAsk(target, configuration)
        } else {
            backup = try await ask(target, data)
        }
        if let problem = backup["problem"]?.text { throw Failure(text: problem) }
        if let count = backup["imagesLacking"]?.integer, count > 0 {
            Output.complain(
                "the backup lacks firmware images that are missing, or damaged: \(count); "
                    + "tollgate check names them")
        }
        if api.json { return try Output.json(backup.bytes) }
        try Output.say(
            "backup of \(backup["lastEvent"]?.integer ?? 0) events, "
                + "\(Self.size(backup["bytes"])), in \(Self.seconds(of: backup)) s: "
                + (backup["directory"]?.text ?? target)
        )
    }

    /// Copies the stores, or has the gateway do it that has them open.
    private func copyOrAsk(
        _ target: String,
        _ configuration: GatewayConfiguration
    ) async throws(Failure) -> JSON {
        guard let stores = try Stores.opened(in: configuration.data) else {
            return try await ask(target, configuration.data)
        }
        defer { stores.shutdown() }
        let backups = Backups(of: stores, in: BackupPlaces(of: configuration)) { .now() }
        let backup: Backup
        do throws(BackupProblem) {
            backup = try backups.start(in: target)
        } catch {
            throw Failure(text: "\(Reason(error).name): \(error)")
        }
        return try await follow(JSON(backup)) { () throws(Failure) -> JSON? in
            backups.backup(backup.id).map { JSON($0) }
        }
    }

    private func ask(_ target: String, _ data: String) async throws(Failure) -> JSON {
        let asked = api.at(data: data)
        let body: JSON = ["directory": .text(target)]
        guard let backup = JSON(parsing: try await asked.send(.post, "backups", body: body.bytes)),
            let id = backup["id"]?.integer
        else { throw Failure(text: "the answer is not understood") }
        return try await follow(backup) { () async throws(Failure) -> JSON? in
            JSON(parsing: try await asked.send(.get, "backups/\(id)"))
        }
    }

    /// Shows how far it is until it has ended; answers how it ended.
    private func follow(
        _ backup: JSON,
        _ look: () async throws(Failure) -> JSON?
    ) async throws(Failure) -> JSON {
        var progress = Progress()
        var backup = backup
        while backup["state"]?.text == Backup.State.running.rawValue {
            try? await Task.sleep(for: .milliseconds(100))
            guard let latest = try await look() else {
                throw Failure(text: "the answer is not understood")
            }
            backup = latest
            progress.show(
                "backup: \(Self.size(backup["bytes"])) of about \(Self.size(backup["expectedBytes"]))"
            )
        }
        progress.end()
        return backup
    }

    private static func size(_ bytes: JSON?) -> String {
        let tenths = (bytes?.integer ?? 0) * 10 / 1_048_576
        return "\(tenths / 10).\(tenths % 10) MiB"
    }

    private static func seconds(of backup: JSON) -> String {
        guard let start = backup["startedAt"]?.text.flatMap({ Timestamp($0) }),
            let end = backup["finishedAt"]?.text.flatMap({ Timestamp($0) })
        else { return "?" }
        let tenths = max(0, end.milliseconds(since: start)) / 100
        return "\(tenths / 10).\(tenths % 10)"
    }
}
