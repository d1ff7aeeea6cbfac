import Gateway
import Hummingbird
import Ledger

extension Routes {
    /// What programs that watch the gateway ask for.
    mutating func registerHealth() {
        on(
            .get, "/healthz", "showHealth", "Whether the process is alive", access: .open,
            answers: .ok(.health)
        ) { _ in .json(["alive": true]) }
        on(
            .get, "/readyz", "showReadiness",
            "Whether new work is taken, and what stands in its way", access: .open,
            answers: .ok(Documents.readiness),
            .ok(Documents.readiness.schema, "Something stands in the way.").with(
                .serviceUnavailable)
        ) { call in
            let readiness = await call.controlPlane.readiness()
            return .json(
                Documents.readiness(readiness),
                status: readiness.isReady ? .ok : .serviceUnavailable)
        }
        on(
            .get, "/metrics", "showMetrics",
            "All figures of the process in Prometheus' text format (0.0.4)", access: .open,
            answers: .text
        ) { call in
            let text = await call.controlPlane.metricsText() + call.server.metricsText
            return Response(.ok, "text/plain; version=0.0.4; charset=utf-8", Array(text.utf8))
        }
    }

    /// The API, described.
    mutating func registerDocument() {
        on(
            .get, "/openapi.json", "showDocument", "This document (OpenAPI 3.1)", access: .open,
            answers: .ok(.openObject(["openapi": .anyText]))
        ) { _ in Response(.ok, "application/json", OpenAPI.text) }
        on(
            .get, "/docs", "showDocumentPage", "The same for people, as a page", access: .open,
            answers: Answer(status: .ok, note: "A page.").or("text/html")
        ) { _ in .documentPage }
    }
}

extension Routes {
    /// Rule A10: proves that the books balance, and what else the stores hold is whole.
    mutating func registerCheck() {
        on(
            .get, "check", "checkBooks",
            "Whether the books balance and the counts add up (rules A10, C8)", access: .gateway,
            answers: .ok(Documents.check)
        ) { call in .json(Documents.check(try await call.controlPlane.verify())) }
    }
}

extension Routes {
    /// What the gateway was told; a request changes nothing of it.
    mutating func registerSettings() {
        on(
            .get, "settings", "listSettings",
            "What this gateway has started with: each key of its configuration, and where its value comes from",
            access: .gateway, answers: .page(of: Documents.setting)
        ) { call in
            let (cursor, limit) = try call.page()
            let rest = call.server.settings.dropFirst(
                Int(try cursor.map { try Self.number(at: $0) } ?? 0))
            let page = rest.prefix(limit)
            return call.list(
                page.map { Documents.setting($0) },
                cursor: page.count < rest.count ? Self.cursor(at: Int32(page.endIndex)) : nil)
        }
    }
}

/// Rule B16: the clock that the commands' times come from.
extension Routes {
    mutating func registerClock() {
        on(
            .get, "clock", "showClock",
            "The gateway's clock, and whether the books believe it (rule B16)", access: .gateway,
            answers: .ok(Documents.clock)
        ) { call in .json(try Self.clock(call)) }
        on(
            .post, "clock/confirm", "confirmClock",
            "Say that the gateway's clock is right, whatever the books hold of it (rule B16)",
            access: .gateway, answers: .ok(Documents.clock)
        ) { call in try await call.answer(.clock(.confirm)) { try Self.clock(call) } }
    }

    private static func clock(_ call: Call) throws -> JSON {
        let now = call.controlPlane.now
        let (known, limit) = try call.read {
            (try $0.time(at: now, in: $1), try $0.clockLimit(in: $1))
        }
        return Documents.clock((now, known, limit))
    }
}

/// Copies of the stores. They are made on the gateway's machine, and so only for its owner.
extension Routes {
    mutating func registerBackups() {
        on(
            .get, "backups", "listBackups", "The last backups since the start, the newest first",
            access: .owner, answers: .list(of: Documents.backup.schema)
        ) { call in call.list(call.controlPlane.backups.all.map { JSON($0) }, cursor: nil) }
        on(
            .get, "backups/:backup", "showBackup", "How far a backup is, or how it ended",
            access: .owner, answers: .ok(Documents.backup)
        ) { call in
            let id = call.parameter("backup") { UInt64($0) }
            guard let backup = call.controlPlane.backups.backup(id) else {
                throw Problem(.unknownBackup, "there is no backup \(id) since the start")
            }
            return .json(JSON(backup))
        }
        on(
            .post, "backups", "startBackup", "Begin to copy both stores, while they are in use",
            access: .owner,
            body: .json([
                "directory": .noted(
                    .text(.init(lengths: 1...4_096, alphabet: .printable)),
                    "Absolute, on the gateway's machine; nothing there, or empty.")
            ]),
            answers: .created(Documents.backup).with(.accepted),
            problems: [.backupDirectory, .backupRunning, .backupNoSpace]
        ) { call in
            let directory = try await call.fields().text("directory")
            let key = call.idempotencyKey.map { "\(call.principal.actor)\n\($0)" }
            do throws(BackupProblem) {
                let backup = try call.controlPlane.backups.start(in: directory, idempotencyKey: key)
                var response = call.created(JSON(backup), at: "/v1/backups/\(backup.id)")
                response.status = .accepted
                return response
            } catch {
                throw Problem(Reason(error), "\(error)")
            }
        }
    }
}
