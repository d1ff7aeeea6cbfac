import Foundation
import Processes
import Gateway
import HTTPTypes
import Ledger
import Linux
import Logging
import Support
import Testing
import Time

@testable import Admin

/// Rules E1 and E2: with a mail server, the courier's process and the books as they are; the clock is the test's.
@Suite("Mail about alerts", .serialized, .waitsApart)
struct AlertMailTests {
    /// A gateway that sends mail until the body returns. Account `acme` has an address, product `lamp` ten codes, of which
    /// one is used.
    private func sending(
        to email: String = "ann@example.org", port: Int,
        schedule: RetrySchedule = AlertDispatcher.schedule,
        configure: (inout GatewayConfiguration.SMTP) -> Void = { _ in },
        _ body: (Client) async throws -> Void
    ) async throws {
        var smtp = GatewayConfiguration.SMTP()
        smtp.host = "127.0.0.1"
        smtp.port = port
        smtp.security = .none
        smtp.from = "alerts@gate.example"
        configure(&smtp)
        let client = try Client { [smtp] in $0.smtp = smtp }
        var settings = AlertSettings()
        settings.mails = true
        _ = try await client.controlPlane.submit(
            Command(
                at: client.controlPlane.now, actor: "gateway", action: .alerts(.adopt(settings))))
        try await makeWorld(client, email)
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let webhooks = WebhookDispatcher(
            controlPlane: client.controlPlane, configuration: .init(), logger: logger)
        let dispatcher = AlertDispatcher(
            controlPlane: client.controlPlane, configuration: smtp, webhooks: webhooks,
            schedule: schedule, logger: logger)
        // On threads of this priority, as those of the default one have hundreds of tests waiting for them.
        let courier = Task(priority: .userInitiated) { await webhooks.run(as: nil) }
        let task = Task(priority: .userInitiated) { await dispatcher.run(as: nil) }
        do {
            try await body(client)
        } catch {
            task.cancel()
            await task.value
            courier.cancel()
            await courier.value
            throw error
        }
        task.cancel()
        await task.value
        courier.cancel()
        await courier.value
        #expect(try client.controlPlane.ledger.verify() == [])
    }

    private func makeWorld(_ client: Client, _ email: String) async throws {
        let steps: [(String, JSON)] = [
            (
                "accounts",
                ["id": "acme", "name": "Acme", "kind": "enterprise", "email": .text(email)]
            ),
            ("packages", ["id": "basic", "name": "Basic", "validityDays": 300]),
            ("products", ["pk": "lamp", "name": "Lampe {pk} 灯", "account": "acme"]),
            (
                "accounts/acme/purchases",
                ["package": "basic", "quantity": 10, "product": "lamp"]
            ),
        ]
        for (path, body) in steps {
            let answer = try await client.post("/v1/\(path)", body)
            #expect(answer.status == 201, "\(answer.text)")
        }
        _ = try await client.csv("/v1/products/lamp/devices", "dk,secret\nlamp-1,\n")
        let answer = try await client.post("/v1/products/lamp/devices/lamp-1/activate", [:])
        #expect(answer.status == 200, "\(answer.text)")
    }

    /// Nine codes are left of ten: with this rule that is an alert.
    private func fire(_ client: Client) async throws {
        let rule: JSON = ["number": 10, "percent": 100]
        let answer = try await client.send(
            .put, "/v1/accounts/acme/alert-rules/codes-low", rule.bytes)
        #expect(answer.status == 200, "\(answer.text)")
    }

    private func resolve(_ client: Client) async throws {
        let answer = try await client.send(.delete, "/v1/accounts/acme/alert-rules/codes-low")
        #expect(answer.status == 204, "\(answer.text)")
    }

    private func awaits(_ condition: @Sendable () async throws -> Bool) async throws -> Bool {
        let end = MonotonicInstant.now().adding(milliseconds: Int64(Patience.seconds * 1_000))
        while try await !condition() {
            guard MonotonicInstant.now() < end else { return false }
            try await Task.sleep(for: .milliseconds(5))
        }
        return true
    }

    private func letters(_ client: Client) async throws -> [JSON] {
        try await client.get("/v1/notifications").json["items"]?.array ?? []
    }

    private func isLetter(
        _ client: Client, _ state: String, attempts: Int64? = nil
    ) async throws -> Bool {
        let last = try await letters(client).last
        return last?["delivery"]?.text == state
            && (attempts.map { $0 == last?["attempts"]?.integer } ?? true)
    }

    /// A certificate of 127.0.0.1 that is its own authority, in a directory that the body has.
    private func withCertificate(
        _ body: (_ certificate: String, _ key: String) async throws -> Void
    ) async throws {
        let directory = NSTemporaryDirectory() + "tollgate-mail-\(UUID().uuidString)"
        try FileManager.default.createDirectory(
            atPath: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let process = ExternalProcess()
        process.executableURL = URL(filePath: "/usr/bin/openssl")
        process.arguments = [
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
            "-keyout", "\(directory)/key.pem", "-out", "\(directory)/cert.pem", "-subj",
            "/CN=mail", "-addext", "subjectAltName=IP:127.0.0.1",
        ]
        process.standardError = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        try await body("\(directory)/cert.pem", "\(directory)/key.pem")
    }

    @Test("E2: an alert that is fired, resolved and fired again is three mails, each well-formed")
    func crossings() async throws {
        let server = try MailServer()
        try await sending(port: server.port) { client in
            let contact: JSON = ["name": "Bob"]
            _ = try await client.send(
                .put, "/v1/accounts/acme/contacts/bob@example.org", contact.bytes)
            try await fire(client)
            #expect(try await awaits { server.letters.count == 2 })
            try await resolve(client)
            #expect(try await awaits { server.letters.count == 4 })
            let zh: JSON = ["language": "zh"]
            _ = try await client.send(.put, "/v1/accounts/acme/alert-language", zh.bytes)
            try await fire(client)
            #expect(try await awaits { server.letters.count == 6 })
            let found = server.letters
            #expect(
                Set(found.prefix(2).map(\.recipient)) == ["ann@example.org", "bob@example.org"])
            let letter = try #require(found.first { $0.recipient == "ann@example.org" })
            #expect(letter.header("From") == "Tollgate <alerts@gate.example>")
            #expect(letter.header("To") == "<ann@example.org>")
            #expect(letter.header("Date") == "Sat, 21 Nov 2026 08:00:00 +0000")
            #expect(letter.header("Auto-Submitted") == "auto-generated")
            #expect(letter.header("Content-Language") == "en")
            #expect(letter.header("Tollgate-Repeat") == nil)
            #expect(letter.header("Subject")?.hasPrefix("=?utf-8?B?") == true)
            #expect(letter.json["from"]?.text == "alerts@gate.example")
            #expect(
                letter.body.contains("Product Lampe {pk} 灯 (PK lamp) had 9 activation codes left"))
            #expect(letter.body.contains("the alert is set to 10."))
            #expect(found.filter { $0.body.contains("enough activation codes again") }.count == 2)
            let chinese = try #require(found.last)
            #expect(chinese.body.contains("的激活码仅剩 9 个"))
            #expect(chinese.header("Content-Language") == "zh")
            #expect(Set(found.map { $0.header("Message-ID") }).count == 6)
            for line in found.flatMap({ $0.head.split(separator: "\r\n") }) {
                #expect(line.utf8.count <= 78, "\(line)")
            }
            #expect(
                try await awaits {
                    try await letters(client).allSatisfy { $0["delivery"] == "sent" }
                })
            let alerts = try await client.get("/v1/alerts?account=acme").json["items"]?.array
            #expect(alerts?.map { $0["open"]?.bool } == [false, true])
            #expect(alerts?.first?["sentTo"]?.array?.count == 4)
            #expect(alerts?.first?["rule"] == "codes-low" && alerts?.first?["product"] == "lamp")
            let metrics = try await client.get("/metrics", token: nil).text
            #expect(metrics.contains("tollgate_alerts_open{rule=\"codes-low\"} 1"))
        }
    }

    @Test(
        "E1: by STARTTLS and TLS with a password; a wrong one is said, and mail goes when it is right",
        arguments: [GatewayConfiguration.SMTP.Security.starttls, .tls])
    func encrypted(_ security: GatewayConfiguration.SMTP.Security) async throws {
        try await withCertificate { certificate, key in
            let password = certificate + ".password"
            try "wrong\n".write(toFile: password, atomically: true, encoding: .utf8)
            let server = try MailServer(
                "--tls", security.rawValue, "--certificate", certificate, "--key", key,
                "--password", "s3cret")
            try await sending(port: server.port) { smtp in
                smtp.security = security
                smtp.trustedCertificates = certificate
                smtp.user = "tollgate"
                smtp.passwordFile = password
            } _: { client in
                try await fire(client)
                #expect(try await awaits { try await isLetter(client, "waiting", attempts: 1) })
                let failed = try #require(try await letters(client).last)
                #expect(failed["status"] == 535, "\(failed)")
                try "s3cret\n".write(toFile: password, atomically: true, encoding: .utf8)
                client.controlPlane.advance(milliseconds: 70_000)
                #expect(try await awaits { try await isLetter(client, "sent", attempts: 2) })
                let letter = try #require(server.letters.first)
                #expect(letter.json["encrypted"] == true && letter.json["user"] == "tollgate")
                #expect(letter.json["name"] == "gate.example")
            }
            // An authority that is not trusted gets neither the password nor the mail.
            try await sending(port: server.port) { smtp in
                smtp.security = security
                smtp.user = "tollgate"
                smtp.passwordFile = password
            } _: { client in
                try await fire(client)
                #expect(try await awaits { try await isLetter(client, "waiting", attempts: 1) })
                let answer = try await letters(client).last?["answer"]?.text
                #expect(answer?.contains("certificate") == true, "\(answer ?? "")")
                #expect(server.letters.count == 1)
            }
        }
    }

    @Test("E1: a server without STARTTLS gets nothing when that is wanted")
    func downgrade() async throws {
        let server = try MailServer()
        try await sending(port: server.port) {
            $0.security = .starttls
        } _: { client in
            try await fire(client)
            #expect(try await awaits { try await isLetter(client, "waiting", attempts: 1) })
            #expect(server.letters.isEmpty)
        }
    }

    @Test("E1: what the server refuses for good is given up at once, and sent again when asked")
    func refused() async throws {
        let server = try MailServer()
        try await sending(to: "reject@example.org", port: server.port) { client in
            try await fire(client)
            #expect(try await awaits { try await isLetter(client, "given-up", attempts: 1) })
            let letter = try #require(try await letters(client).last)
            #expect(letter["status"] == 550)
            #expect(letter["answer"]?.text?.contains("there is no such mailbox") == true)
            let dead = try await client.get("/v1/notifications?delivery=given-up")
            #expect(dead.json["items"]?.array?.count == 1)
            let headers = ["Idempotency-Key": "again"]
            let path = "/v1/notifications/1/retry"
            let retried = try await client.send(.post, path, headers: headers)
            #expect(retried.status == 200, "\(retried.text)")
            #expect(try await awaits { try await isLetter(client, "given-up", attempts: 2) })
            let again = try await client.send(.post, path, headers: headers)
            #expect(again.status == 200 && again.bytes == retried.bytes, "\(again.text)")
            #expect(try await isLetter(client, "given-up", attempts: 2))
            for path in ["7", "999999999999999999"] {
                let answer = try await client.send(.post, "/v1/notifications/\(path)/retry")
                #expect(answer.reason == "unknown-notification")
            }
        }
    }

    @Test("E1: what the server refuses for now is sent later, once")
    func greylisted() async throws {
        let server = try MailServer()
        try await sending(to: "grey@example.org", port: server.port) { client in
            try await fire(client)
            #expect(try await awaits { try await isLetter(client, "waiting", attempts: 1) })
            #expect(try await letters(client).last?["status"] == 451)
            let early = try await client.send(.post, "/v1/notifications/1/retry")
            #expect(early.reason == "notification-not-given-up")
            client.controlPlane.advance(milliseconds: 70_000)
            #expect(try await awaits { try await isLetter(client, "sent", attempts: 2) })
            #expect(server.letters.count == 1 && server.refusals(of: "grey@example.org") == 1)
        }
    }

    @Test("E1: a mail that is refused too often is given up")
    func tooOften() async throws {
        let server = try MailServer()
        let schedule = RetrySchedule(pauses: [60, 60])
        try await sending(to: "full@example.org", port: server.port, schedule: schedule) {
            client in
            try await fire(client)
            for attempt in 1...2 {
                #expect(
                    try await awaits {
                        try await isLetter(client, "waiting", attempts: Int64(attempt))
                    })
                client.controlPlane.advance(milliseconds: 70_000)
            }
            #expect(try await awaits { try await isLetter(client, "given-up", attempts: 3) })
            #expect(try await awaits { server.refusals(of: "full@example.org") == 3 })
        }
    }

    @Test("E1: while the server is down for an hour nothing is lost, and nothing comes twice")
    func down() async throws {
        let first = try MailServer()
        let port = first.port
        first.stop()
        try await sending(port: port) { client in
            try await fire(client)
            #expect(try await awaits { try await isLetter(client, "waiting", attempts: 1) })
            #expect(try await letters(client).last?["status"] == 0)
            try await resolve(client)
            #expect(try await awaits { try await isLetter(client, "waiting", attempts: 1) })
            for _ in 0..<60 {
                client.controlPlane.advance(milliseconds: 60_000)
                try await Task.sleep(for: .milliseconds(30))
            }
            #expect(
                try await awaits {
                    try await letters(client).allSatisfy { ($0["attempts"]?.integer ?? 0) > 2 }
                })
            let server = try MailServer("--port", "\(port)")
            for _ in 0..<8 where server.letters.count < 2 {
                client.controlPlane.advance(milliseconds: 3_600_000)
                try await Task.sleep(for: .milliseconds(500))
            }
            #expect(
                try await awaits {
                    try await letters(client).allSatisfy { $0["delivery"] == "sent" }
                })
            #expect(server.letters.count == 2)
            #expect(Set(server.letters.map { $0.header("Message-ID") }).count == 2)
        }
    }

    private func gather(
        _ kind: AlertKind, _ product: String, _ devices: [String], _ client: Client
    ) async throws {
        let identities = devices.map {
            DeviceIdentity(product: ProductKey(product)!, device: DeviceKey($0)!)
        }
        _ = try await client.controlPlane.submit(
            Command(
                at: client.controlPlane.now, actor: "gateway",
                action: .alerts(.gather(kind, identities))))
    }

    @Test("E2: digests are mails that name devices and products, in the account's language")
    func digests() async throws {
        let server = try MailServer()
        try await sending(port: server.port) { client in
            let meter: JSON = ["pk": "meter", "name": "Meter", "account": "acme"]
            _ = try await client.post("/v1/products", meter)
            let names = (10..<22).map { "m-\($0)" }
            try await gather(.refusedForCode, "meter", names, client)
            #expect(try await awaits { server.letters.count == 1 })
            let refused = try #require(server.letters.first)
            #expect(
                refused.header("Subject")
                    == "Meter: 12 devices refused, as no activation code is left")
            #expect(refused.body.contains(": m-10, m-11, m-12,"))
            #expect(refused.body.contains("m-19, ...."))
            let rules = try await client.get("/v1/accounts/acme/alert-rules").json["items"]?.array
            #expect(rules?.count == AlertKind.allCases.count { !$0.isOfNode })
            let purchase: JSON = ["package": "basic", "quantity": 10, "product": "meter"]
            _ = try await client.post("/v1/accounts/acme/purchases", purchase)
            #expect(try await awaits { server.letters.count == 2 })
            #expect(
                server.letters.last?.header("Subject")
                    == "Meter: no device is refused for want of a code any more")
            #expect(server.letters.last?.body.contains("Now it is") == false)
            let zh: JSON = ["language": "zh"]
            _ = try await client.send(.put, "/v1/accounts/acme/alert-language", zh.bytes)
            _ = try await client.send(
                .put, "/v1/accounts/acme/contacts/bob@example.org", JSON.object([]).bytes)
            let en: JSON = ["language": "en", "contact": "bob@example.org"]
            let shown = try await client.send(.put, "/v1/accounts/acme/alert-language", en.bytes)
            #expect(shown.json["language"] == "zh", "\(shown.text)")
            #expect(shown.json["languages"]?.array?.last?["language"] == "en", "\(shown.text)")
            let ghost: JSON = ["language": "en", "contact": "ghost@example.org"]
            let none = try await client.send(.put, "/v1/accounts/acme/alert-language", ghost.bytes)
            #expect(none.reason == "unknown-contact")
            try await gather(.atDailyLimit, "lamp", ["lamp-1"], client)
            #expect(try await awaits { server.letters.count == 4 })
            let letters = server.letters.suffix(2)
            let english = letters.first { $0.recipient == "bob@example.org" }
            #expect(english?.body.contains("their daily allowance has: lamp (1).") == true)
            let chinese = letters.first { $0.recipient == "ann@example.org" }
            #expect(chinese?.body.contains("当日消息数超出套餐：lamp (1)。") == true)
            let alerts = try await client.get("/v1/alerts?rule=refused-for-code")
            let alert = try #require(alerts.json["items"]?.array?.first)
            #expect(alert["open"] == false && alert["value"] == 12)
            #expect(alert["devices"]?.array?.first?["count"] == 12)
            #expect(alert["devices"]?.array?.first?["first"]?.array?.count == 10)
        }
    }

    @Test(
        "E2: an authority that ends, and a list that is due, are mails that name it, in both languages"
    )
    func authorities() async throws {
        let server = try MailServer()
        try await sending(port: server.port) { client in
            let body: JSON = [
                "name": "Factory", "certificate": .text(SampleAuthority.certificate),
                "proof": .text(SampleAuthority.proof),
            ]
            let made = try await client.post("/v1/accounts/acme/authorities", body)
            #expect(made.status == 201, "\(made.text)")
            let now = client.controlPlane.now.milliseconds
            let due = try #require(Timestamp("2026-11-30T00:00:00Z")).milliseconds
            client.controlPlane.advance(milliseconds: due - now)
            let one = "/v1/accounts/acme/authorities/\(SampleAuthority.id)"
            let list: JSON = ["crl": .text(SampleAuthority.Revocations.former)]
            #expect(try await client.send(.put, "\(one)/crl", list.bytes).status == 200)
            #expect(try await awaits { server.letters.count == 1 })
            let first = try #require(server.letters.first)
            #expect(
                first.header("Subject")
                    == "Authority Factory: a new revocation list is due in 1 days")
            let zh: JSON = ["language": "zh"]
            _ = try await client.send(.put, "/v1/accounts/acme/alert-language", zh.bytes)
            let next: JSON = ["crl": .text(SampleAuthority.Revocations.later)]
            #expect(try await client.send(.put, "\(one)/crl", next.bytes).status == 200)
            #expect(try await awaits { server.letters.count == 2 })
            #expect(server.letters.last?.body.contains("账号 acme 的 CA Factory") == true)
            #expect(server.letters.last?.body.contains("当前数量") == false)
            let rule: JSON = ["number": 1, "days": 3_650]
            _ = try await client.send(
                .put, "/v1/accounts/acme/alert-rules/authority-ending", rule.bytes)
            client.controlPlane.advance(milliseconds: 63 * 365 * 86_400_000)
            #expect(
                try await awaits {
                    server.letters.contains { $0.body.contains("持有其签发证书的设备将无法连接") }
                })
            let alerts = try await client.get("/v1/alerts?rule=authority-ending")
            let alert = try #require(alerts.json["items"]?.array?.first)
            #expect(alert["authority"]?.text == SampleAuthority.id)
            #expect(alert["authorityName"] == "Factory" && alert["open"] == true)
        }
    }

    @Test("E2: a digest's mail that comes late tells what the digest was about, not the next one")
    func lateDigest() async throws {
        let first = try MailServer()
        let port = first.port
        first.stop()
        try await sending(port: port) { client in
            let meter: JSON = ["pk": "meter", "name": "Meter", "account": "acme"]
            _ = try await client.post("/v1/products", meter)
            try await gather(.refusedForCode, "meter", ["m-0"], client)
            #expect(try await awaits { try await isLetter(client, "waiting", attempts: 1) })
            for step in 1...5 {
                client.controlPlane.advance(milliseconds: 5 * 3_600_000)
                try await gather(.refusedForCode, "meter", ["m-\(step)"], client)
            }
            #expect(try await awaits { try await letters(client).count == 2 })
            let server = try MailServer("--port", "\(port)")
            for _ in 0..<20 where server.letters.count < 2 {
                client.controlPlane.advance(milliseconds: 3_600_000)
                try await Task.sleep(for: .milliseconds(500))
            }
            #expect(try await awaits { server.letters.count == 2 })
            let bodies = server.letters.map(\.body)
            let early = try #require(bodies.first { $0.contains("m-0") })
            let later = try #require(bodies.first { $0.contains("m-5") })
            #expect(!early.contains("m-1") && !later.contains("m-0"))
            #expect(later.contains("m-1, m-2, m-3, m-4, m-5"))
        }
    }

    @Test("E1: a test mail says what the server answers; without a server there is none")
    func test() async throws {
        let server = try MailServer()
        var smtp = GatewayConfiguration.SMTP()
        (smtp.host, smtp.port, smtp.from) = ("127.0.0.1", server.port, "alerts@gate.example")
        smtp.security = .none
        let client = try Client { [smtp] in $0.smtp = smtp }
        let sent = try await client.post("/v1/alerts/test", ["email": "ann@example.org"])
        #expect(sent.json["sent"] == true && sent.json["status"] == 250, "\(sent.text)")
        #expect(sent.json["answer"] == "250 2.0.0 taken")
        #expect(server.letters.first?.body.contains("测试") == false)
        #expect(server.letters.first?.body.contains("本网关的告警邮件") == true)
        let refused = try await client.post("/v1/alerts/test", ["email": "reject@example.org"])
        #expect(refused.json["sent"] == false && refused.json["status"] == 550, "\(refused.text)")
        let none = try await Client().post("/v1/alerts/test", ["email": "ann@example.org"])
        #expect(none.reason == "mail-not-configured")
    }
}
