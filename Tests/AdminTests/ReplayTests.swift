import Gateway
import HTTPTypes
import Ledger
import Processes
import Storage
import Testing
import Time

@testable import Admin

/// Rule A8, of every write there is.
@Suite("Repeated writes", .serves)
struct ReplayTests {
    /// A write of a day's work, in an order in which each is carried out.
    private struct Write {
        let method: HTTPRequest.Method

        /// Names in braces stand for what earlier answers told.
        let path: String
        let body: JSON?

        /// What later paths name with a member of the answer.
        let told: (name: String, member: String)?
        let csv: String?

        init(
            _ method: HTTPRequest.Method, _ path: String, _ body: JSON? = nil,
            telling told: (name: String, member: String)? = nil, csv: String? = nil
        ) {
            self.method = method
            self.path = path
            self.body = body
            self.told = told
            self.csv = csv
        }
    }

    /// Of each operation, with all that its body may have, and with as little as it must.
    private static let writes = [
        Write(
            .post, "accounts",
            [
                "id": "acme", "name": "Acme", "kind": "individual", "email": "a@example.org",
                "dataCentre": "main",
            ]),
        Write(
            .post, "accounts", ["id": "low", "name": "L", "kind": "individual", "parent": "acme"]),
        Write(.post, "accounts", ["name": "Nameless", "kind": "enterprise"]),
        Write(.patch, "accounts/acme", ["name": "Acme Ltd", "email": "b@example.org"]),
        Write(.patch, "accounts/acme", [:]),
        Write(
            .post, "accounts/acme/sub-accounts",
            ["id": "sub", "name": "Sub", "email": "c@example.org", "dataCentre": "east"]),
        Write(.post, "accounts/acme/sub-accounts", ["name": "Sub"]),
        Write(.put, "accounts/acme/contacts/ann@example.org", ["name": "Ann"]),
        Write(.put, "accounts/acme/contacts/ANN@example.org", ["name": "Anna"]),
        Write(.put, "accounts/acme/contacts/bob@example.org", [:]),
        Write(
            .post, "packages",
            [
                "id": "basic", "name": "Basic", "validityDays": 30, "messagesPerDay": 1_000,
                "otaPerMonth": 2, "storageDays": 9,
            ]),
        Write(
            .post, "packages",
            [
                "id": "gold", "name": "Gold", "validityDays": 60, "messagesPerDay": 2_000,
                "otaPerMonth": 2, "storageDays": 9,
            ]),
        Write(.post, "packages", ["name": "Nameless", "validityDays": 60]),
        Write(
            .post, "accounts/acme/purchases", ["package": "basic", "quantity": 9],
            telling: ("code", "firstCode")),
        Write(
            .post, "products",
            [
                "pk": "lamp", "name": "Lamp", "account": "acme", "package": "basic",
                "registration": "open", "dayOffsetMinutes": 60, "dataCentre": "main",
            ]),
        Write(.post, "products", ["name": "Nameless", "account": "acme"]),
        Write(
            .post, "accounts/acme/purchases",
            ["package": "basic", "quantity": 3, "product": "lamp"]),
        Write(
            .post, "accounts/acme/assignments",
            ["product": "lamp", "package": "basic", "quantity": 5]),
        Write(.post, "accounts/acme/assignments", ["product": "lamp", "quantity": 1]),
        Write(.post, "accounts/acme/assignments/{assignment}/void", ["cause": "a mistake"]),
        Write(.post, "products/lamp/devices", ["devices": [["dk": "d1"], ["dk": "d2"]]]),
        Write(
            .post, "products/lamp/devices",
            csv: "dk,secret\n" + (0..<1_001).map { "f\($0),\n" }.joined()),
        Write(.patch, "packages/basic", ["name": "Basic, 2027"]),
        Write(.patch, "accounts/acme/metadata", ["room": "7", "none": .null]),
        Write(.patch, "products/lamp/metadata", ["line": "B7"]),
        Write(.patch, "products/lamp/devices/d1/metadata", ["room": "厨房"]),
        Write(.patch, "products/lamp/devices/d1", ["name": "Hall"]),
        Write(.post, "products/lamp/devices/d1/activate"),
        Write(.post, "products/lamp/devices/d1/disable"),
        Write(.post, "products/lamp/devices/d1/enable"),
        Write(.put, "products/lamp/devices/d2/renewal", ["autoRenewal": false]),
        Write(
            .put, "products/lamp/devices/d2/limits",
            [
                "messages": ["perSecond": 5, "burst": 20], "bytes": ["perSecond": 4_096],
                "excess": "refuse", "inflightMessages": 4, "packetBytes": 1_024,
                "subscriptions": 0,
            ]),
        Write(.put, "products/lamp/devices/d2/limits", [:]),
        Write(.delete, "products/lamp/devices/d2/limits"),
        Write(
            .patch, "products/lamp/devices/d2/state",
            ["desired": ["on": true, "level": ["a": 1, "b": .null]], "version": 0]),
        Write(.patch, "products/lamp/devices/d2/state", ["desired": ["on": false]]),
        Write(.put, "products/lamp/devices/d2/state", ["desired": [:]]),
        Write(
            .put, "products/lamp/devices/d2/state", ["desired": ["on": true], "version": 3]),
        Write(.post, "products/lamp/devices/d2/reset-secret"),
        Write(
            .post, "accounts/acme/topups",
            [
                "kind": "ota", "quantity": 9, "expiresAt": "2100-01-01T00:00:00Z",
                "source": "gift",
            ], telling: ("pack", "id")),
        Write(
            .post, "accounts/acme/topups",
            ["kind": "messages", "quantity": 9, "expiresAt": "2100-01-01"]),
        Write(
            .post, "products/lamp/devices/d1/upgrades",
            ["id": "u1", "sizeBytes": .integer(20 << 20)]),
        Write(.patch, "products/lamp/devices/d1/upgrades/u1", ["state": "failed"]),
        Write(.post, "accounts/acme/topups/{pack}/void", ["cause": "a mistake"]),
        Write(.post, "products/lamp/devices/d1/move", ["to": "d2", "cause": "repaired"]),
        Write(.post, "products/lamp/devices/d2/void-activation", ["cause": "a mistake"]),
        Write(
            .patch, "products/lamp",
            [
                "name": "Lantern", "autoRenewal": false, "registration": "closed",
                "dayOffsetMinutes": 0, "messageLog": true,
            ]),
        Write(.patch, "products/lamp", [:]),
        Write(.post, "products/lamp/upgrade", ["package": "gold"]),
        Write(.post, "products/lamp/secret/rotate", ["overlapHours": 1]),
        Write(.post, "products/lamp/secret/rotate", [:]),
        Write(.post, "products/lamp/secret/revoke"),
        Write(.put, "products/lamp/uplink", ["stream": "LAMPS"]),
        Write(.delete, "products/lamp/uplink"),
        Write(
            .put, "products/lamp/dialect",
            ["up": ["a/${dk}/#"], "down": [], "proofs": ["tollgate", "plain"]]),
        Write(.put, "products/lamp/dialect", ["preset": "alibaba"]),
        Write(.delete, "products/lamp/dialect"),
        Write(
            .put, "products/lamp/limits",
            [
                "messages": ["perSecond": 5, "burst": 20], "bytes": ["perSecond": 4_096],
                "excess": "refuse", "inflightMessages": 4, "packetBytes": 1_024,
                "subscriptions": 0,
            ]),
        Write(.put, "products/lamp/limits", [:]),
        Write(.delete, "products/lamp/limits"),
        Write(
            .post, "products/lamp/token-keys",
            [
                "id": "2027-01", "audience": "project-7",
                "key":
                    "{\"kty\":\"oct\",\"k\":\"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow\"}",
            ]),
        Write(
            .post, "products/lamp/token-keys",
            [
                "id": "ed",
                "key":
                    "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}",
            ]),
        Write(.delete, "products/lamp/token-keys/2027-01"),
        Write(.put, "products/lamp/state", ["counted": true]),
        Write(.post, "accounts/acme/purchases/{code}/void", ["cause": "a mistake"]),
        Write(
            .post, "keys",
            ["name": "App", "role": "application", "account": "acme", "products": ["lamp"]],
            telling: ("key", "id")),
        Write(.post, "keys", ["name": "App", "role": "application"]),
        Write(.patch, "keys/{key}", ["name": "Back end"]),
        Write(.post, "keys/{key}/revoke"),
        Write(
            .post, "webhooks",
            [
                "name": "Hook", "url": "https://example.org/a", "account": "acme",
                "kinds": ["device-activated"], "on": false,
            ],
            telling: ("webhook", "id")),
        Write(.post, "webhooks", ["name": "All", "url": "https://example.org/b"]),
        Write(
            .patch, "webhooks/{webhook}",
            [
                "name": "Other", "url": "https://example.org/c", "kinds": [], "on": false,
                "skip": true,
            ]),
        Write(.patch, "webhooks/{webhook}", [:]),
        Write(.post, "webhooks/{webhook}/secret/rotate", ["overlapHours": 1]),
        Write(.post, "webhooks/{webhook}/secret/rotate", [:]),
        Write(.delete, "webhooks/{webhook}"),
        Write(
            .post, "accounts/acme/authorities",
            [
                "name": "Factory", "certificate": .text(SampleAuthority.certificate),
                "proof": .text(SampleAuthority.proof),
            ], telling: ("authority", "id")),
        Write(.patch, "accounts/acme/authorities/{authority}", ["on": false]),
        Write(
            .put, "accounts/acme/authorities/{authority}/rules",
            ["pattern": "cn:${dk}", "product": "lamp", "registersDevices": true]),
        Write(.put, "accounts/acme/authorities/{authority}/rules", [:]),
        Write(.put, "products/lamp/uncounted-topics", ["topics": ["beat/#"]]),
        Write(
            .put, "accounts/acme/authorities/{authority}/pinning", ["pinning": "first-use"]),
        Write(.delete, "accounts/acme/authorities/{authority}"),
        Write(
            .put, "accounts/acme/alert-rules/codes-low",
            ["number": 5, "percent": 20, "days": 7, "on": false]),
        Write(.put, "accounts/acme/alert-rules/codes-low", ["number": 5]),
        Write(.delete, "accounts/acme/alert-rules/codes-low"),
        Write(.put, "accounts/acme/alert-language", ["language": "zh"]),
        Write(
            .put, "accounts/acme/alert-language",
            ["language": "en", "contact": "bob@example.org"]),
        Write(.post, "accounts/acme/certify"),
        Write(.post, "clock/confirm"),
        Write(.delete, "products/lamp/devices/d1/messages"),
        Write(
            .put, "products/lamp/devices/d1/pins",
            ["fingerprints": [.text(String(repeating: "5c", count: 32))]]),
        Write(.delete, "products/lamp/devices/d1"),
        Write(.delete, "accounts/acme/contacts/Ann@example.org"),
        Write(.delete, "products/lamp"),
    ]

    /// Writes that take no idempotency key, or are no command to the books and repeated by another test.
    private static let others: Set = [
        "sendMessage", "endConnection", "startBackup", "makeCheckpoint", "removeNode",
        "changeDevices", "testWebhook", "redeliver", "testAlertMail", "retryNotification",
        "setRevocationList",
        // With images, which take a gateway that offers them.
        "uploadFirmware", "deleteFirmware", "offerFirmware", "createCampaign", "pauseCampaign",
        "resumeCampaign", "stopCampaign",
    ]

    private func send(
        _ write: Write, to path: String, key: Int, token: String = Client.ownerToken.text,
        _ client: Client
    ) async throws -> Client.Answer {
        try await client.send(
            write.method, "/v1/\(path)", write.csv.map { Array($0.utf8) } ?? write.body?.bytes,
            type: write.csv == nil ? "application/json" : "text/csv", token: token,
            headers: ["Idempotency-Key": "key-\(key)"])
    }

    /// Carries out all writes; answers their paths and what they were answered.
    private func carryOut(_ client: Client) async throws -> [(path: String, answer: Client.Answer)]
    {
        var done: [(path: String, answer: Client.Answer)] = []
        var told: [String: String] = [:]
        for (key, write) in Self.writes.enumerated() {
            if write.path.contains("{assignment}") {
                let list = try await client.get("/v1/accounts/acme/assignments")
                let latest = try #require(list.json["items"]?.array?.first?["sequence"]?.integer)
                told["assignment"] = "\(latest)"
            }
            let path = told.reduce(write.path) { $0.replacing("{\($1.key)}", with: $1.value) }
            let answer = try await send(write, to: path, key: key, client)
            #expect((200...204).contains(answer.status), "\(path): \(answer.text)")
            if let (name, member) = write.told {
                let value = answer.json[member]
                told[name] = try #require(value?.text ?? value?.integer.map { "\($0)" })
            }
            done.append((path, answer))
        }
        return done
    }

    @Test("A8: each write, repeated when all has changed, is answered as the first time")
    func all() async throws {
        let client = try Client(freeCodes: .perAccount)
        let first = try await carryOut(client)
        client.controlPlane.advance(milliseconds: 3_600_000)
        let sequence = try lastSequence(client)
        for (key, write) in Self.writes.enumerated() {
            let again = try await send(write, to: first[key].path, key: key, client)
            #expect(again.status == first[key].answer.status, "\(write.path): \(again.text)")
            #expect(again.bytes == first[key].answer.bytes, "\(write.path)")
        }
        #expect(try lastSequence(client) == sequence)
        #expect(try client.controlPlane.ledger.verify() == [])
    }

    @Test("A8: a first answer is for the caller who got it: others don't reach what it is of")
    func strangers() async throws {
        let client = try Client(freeCodes: .perAccount)
        let first = try await carryOut(client)
        _ = try await client.post(
            "/v1/accounts", ["id": "other", "name": "Other", "kind": "individual"])
        let key = try await client.post(
            "/v1/keys", ["name": "Other", "role": "operator", "account": "other"])
        let token = try #require(key.json["token"]?.text)
        let sequence = try lastSequence(client)
        for (key, write) in Self.writes.enumerated() {
            let answer = try await send(
                write, to: first[key].path, key: key, token: token, client)
            #expect([403, 404].contains(answer.status), "\(write.path): \(answer.text)")
        }
        #expect(try lastSequence(client) == sequence)
    }

    @Test("A8: no kind of write is missing here, with and without what its body may have")
    func coverage() {
        for route in Routes.all where route.method != .get {
            let id = route.operation.id
            if Self.others.contains(id) { continue }
            #expect(route.takesIdempotencyKey, "\(id)")
            let writes = Self.writes.filter { write in
                write.method == route.method && Self.matches("/v1/\(write.path)", route.path)
            }
            #expect(!writes.isEmpty, "\(id)")
            for member in route.operation.body?.json?.members ?? [] {
                let with = writes.count { $0.body?[member.name] != nil }
                #expect(with > 0, "\(id) with \(member.name)")
                #expect(member.isRequired || with < writes.count, "\(id) without \(member.name)")
            }
        }
    }

    private static func matches(_ path: String, _ pattern: String) -> Bool {
        let (parts, names) = (path.split(separator: "/"), pattern.split(separator: "/"))
        return parts.count == names.count
            && zip(parts, names).allSatisfy { $1.first == ":" || $0 == $1 }
    }

    private func lastSequence(_ client: Client) throws -> UInt64 {
        try client.controlPlane.ledger.read { books, transaction throws(StoreError) in
            try books.lastSequence(in: transaction)
        }
    }

    @Test("A8: an assignment without a package is the same request after an upgrade")
    func assignment() async throws {
        let client = try Client()
        try await client.furnish(codes: 10, assigned: 2)
        let body: JSON = ["product": "lamp", "quantity": 3]
        let path = "/v1/accounts/acme/assignments"
        let first = try await client.post(path, body, key: "k")
        _ = try await client.post(
            "/v1/packages",
            ["id": "gold", "name": "G", "validityDays": 60, "messagesPerDay": 9_000])
        let upgraded = try await client.post("/v1/products/lamp/upgrade", ["package": "gold"])
        #expect(upgraded.status == 200)
        let again = try await client.post(path, body, key: "k")
        #expect(first.status == 201 && again.status == 201 && again.json == first.json)
    }
}
