import Gateway
import HTTPTypes
import Hummingbird

/// Copies of the stores. They are made on the gateway's machine, and so only for whoever runs it.
extension Routes {
    mutating func registerBackups() {
        on(
            .get, "backups",
            Operation(
                "listBackups", "The last backups since the start, the newest first",
                access: .owner,
                answers: .list(of: .backup))
        ) { call in
            call.list(call.controlPlane.backups.all.map { JSON($0) }, cursor: nil)
        }
        on(
            .get, "backups/:backup",
            Operation(
                "showBackup", "How far a backup is, or how it ended", access: .owner,
                answers: .ok(.backup))
        ) { call in
            let id = call.parameter("backup") { UInt64($0) }
            guard let backup = call.controlPlane.backups.backup(id) else {
                throw Problem(.unknownBackup, "there is no backup \(id) since the start")
            }
            return .json(JSON(backup))
        }
        on(
            .post, "backups",
            Operation(
                "startBackup", "Begin to copy both stores, while they are in use", access: .owner,
                body: .json([
                    "directory": .noted(
                        .text(.init(lengths: 1...4_096, alphabet: .printable)),
                        "Absolute, on the gateway's machine; nothing there, or empty.")
                ]),
                answers: .created(.backup).with(.accepted),
                problems: [.backupDirectory, .backupRunning, .backupNoSpace])
        ) { call in
            let directory = try await call.fields().text("directory")
            let key = call.idempotencyKey.map { "\(call.principal.actor)\n\($0)" }
            do throws(BackupProblem) {
                let backup = try call.controlPlane.backups.start(
                    in: directory, idempotencyKey: key)
                var response = call.created(
                    JSON(backup), at: "/v1/backups/\(backup.id)")
                response.status = .accepted
                return response
            } catch {
                throw Problem(Reason(error), "\(error)")
            }
        }
    }
}
