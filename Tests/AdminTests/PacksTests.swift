import HTTPTypes
import Ledger
import Processes
import Testing
import Time

@testable import Admin

@Suite("Top-up packs and OTA upgrades over HTTP", .serves)
struct PacksTests {
    private static let topUps = "/v1/accounts/acme/topups"
    private static let upgrades = "/v1/products/lamp/devices/d1/upgrades"

    /// An active device `d1` of `lamp`, one attempt a month.
    private func client() async throws -> Client {
        let client = try Client()
        try await client.furnish()
        _ = try await client.csv("/v1/products/lamp/devices", "dk,secret\nd1,s1\n")
        let activated = try await client.post("/v1/products/lamp/devices/d1/activate", [:])
        #expect(activated.status == 200)
        return client
    }

    private func pack(_ kind: String, _ quantity: Int64, expiresAt: String = "2026-12-01T00:00:00Z")
        -> JSON
    {
        ["kind": .text(kind), "quantity": .integer(quantity), "expiresAt": .text(expiresAt)]
    }

    @Test("C6: packs are bought and given, and listed in the order they are drawn from")
    func packs() async throws {
        let client = try await client()
        let late = try await client.post(
            Self.topUps, pack("messages", 1_000, expiresAt: "2027-01-01T00:00:00Z"))
        #expect(late.status == 201 && late.json["remaining"] == 1_000)
        #expect(late.json["source"]?.text == "purchase" && late.json["actor"]?.text == "owner")
        var gift = pack("messages", 50)
        gift = gift.adding("source", "gift")
        let early = try await client.post(Self.topUps, gift)
        #expect(early.json["source"]?.text == "gift")
        _ = try await client.post(Self.topUps, pack("ota", 3))
        let list = try await client.get(Self.topUps).json["items"]?.array?.map { $0["quantity"] }
        #expect(list == [50, 1_000, 3])
        let ota = try await client.get(Self.topUps + "?kind=ota").json["items"]?.array
        #expect(ota?.count == 1 && ota?.first?["expiresAt"]?.text == "2026-12-01T00:00:00Z")
        let totals = try await client.get(Self.topUps + "/totals").json
        #expect(totals["messages"]?["remaining"] == 1_050 && totals["ota"]?["quantity"] == 3)
        client.controlPlane.set { $0.now = Timestamp("2026-12-01T00:00:00Z")! }
        let open = try await client.get(Self.topUps + "?open=true").json["items"]?.array
        #expect(open?.map { $0["quantity"] } == [1_000])
        let expired = try await client.get(Self.topUps + "?kind=ota").json["items"]?.array?.first
        #expect(expired?["remaining"] == 0 && expired?["expired"] == 3)
        let changes = try await client.get(Self.topUps + "/changes?kind=messages")
        #expect(
            changes.json["items"]?.array?.map { $0["change"]?.text } == ["gift", "purchase"])
    }

    @Test("C6: the list of changes goes on with its cursor")
    func changes() async throws {
        let client = try await client()
        for quantity: Int64 in 1...3 {
            _ = try await client.post(Self.topUps, pack("messages", quantity))
        }
        let path = Self.topUps + "/changes?limit=2"
        let first = try await client.get(path)
        #expect(first.json["items"]?.array?.map { $0["units"] } == [3, 2])
        let cursor = try #require(first.json["cursor"]?.text)
        let second = try await client.get("\(path)&cursor=\(cursor)")
        #expect(second.json["items"]?.array?.map { $0["units"] } == [1])
        #expect(second.json["cursor"] == .null)
        let unknown = try await client.get("\(path)&cursor=abc")
        #expect(unknown.status == 404 && unknown.reason == "unknown-cursor")
    }

    @Test("C6: a deduction of messages names the devices, to those who reach them")
    func devices() async throws {
        let client = try await client()
        _ = try await client.post("/v1/products", ["pk": "lock", "name": "L", "account": "acme"])
        _ = try await client.post(Self.topUps, pack("messages", 100))
        let acme = try #require(AccountID("acme"))
        func submit(_ action: TopUpAction) async throws -> Effect? {
            try await client.controlPlane.submit(
                Command(
                    at: client.controlPlane.now, actor: "gateway", action: .topUps(action))
            ).effect
        }
        guard
            case .leased(let lease) = try await submit(
                .lease(acme, holder: LeaseHolder("g")!, needed: 9, block: 1))
        else {
            Issue.record("no lease")
            return
        }
        func use(_ product: String, _ device: String, _ units: UInt64) -> TopUpUse {
            TopUpUse(
                device: DeviceIdentity(
                    product: ProductKey(product)!, device: DeviceKey(device)!), units: units)
        }
        let uses = [use("lamp", "d1", 2), use("lock", "e1", 5)]
        _ = try await submit(.settle(lease: lease.id, used: 8, uses: uses))
        let path = Self.topUps + "/changes"
        let row = try await client.get(path).json["items"]?.array?.first
        #expect(
            row?["devices"] == [
                ["pk": "lock", "dk": "e1", "units": 5], ["pk": "lamp", "dk": "d1", "units": 2],
            ])
        #expect(row?["units"] == 8 && row?["lease"] != .null)
        let key = try await client.post(
            "/v1/keys",
            ["name": "K", "role": "application", "account": "acme", "products": ["lamp"]])
        let token = try #require(key.json["token"]?.text)
        let narrow = try await client.get(path, token: token).json["items"]?.array?.first
        #expect(narrow?["devices"] == [["pk": "lamp", "dk": "d1", "units": 2]])
        let events = try await client.get("/v1/events?limit=1000").json["items"]?.array
        let settled = events?.first { $0["change"]?.text == "top-up-settled" }
        #expect(settled?["devices"] == row?["devices"])
    }

    @Test("A8: a pack entered twice under one idempotency key is one pack")
    func idempotency() async throws {
        let client = try await client()
        let first = try await client.post(Self.topUps, pack("ota", 3), key: "order-1")
        let second = try await client.post(Self.topUps, pack("ota", 3), key: "order-1")
        #expect(first.status == 201 && second.status == 201 && first.json == second.json)
        let other = try await client.post(Self.topUps, pack("ota", 4), key: "order-1")
        #expect(other.status == 409 && other.reason == "idempotency-key-reused")
        #expect(try await client.get(Self.topUps).json["items"]?.array?.count == 1)
    }

    @Test("C6: what can't be a pack is refused")
    func refusals() async throws {
        let client = try await client()
        let past = try await client.post(
            Self.topUps, pack("ota", 3, expiresAt: "2026-11-21T08:00:00Z"))
        #expect(past.status == 409 && past.reason == "expiry-passed")
        let cases: [(JSON, String)] = [
            (pack("sms", 3), "kind: must be messages or ota"),
            (pack("ota", 0), "quantity: must be a whole number from 1 to 1000000000000"),
            (
                pack("ota", 1, expiresAt: "soon"),
                "expiresAt: must be a time like 2026-11-21T08:00:00Z, or a day like 2026-11-21"
            ),
        ]
        for (body, detail) in cases {
            let answer = try await client.post(Self.topUps, body)
            #expect(answer.status == 422 && answer.json["detail"]?.text == detail)
        }
        let none = try await client.post("/v1/accounts/none/topups", pack("ota", 1))
        #expect(none.status == 404 && none.reason == "unknown-account")
    }

    @Test("D1: a platform asks before an upgrade, and is refused when it can't be paid")
    func request() async throws {
        let client = try await client()
        let big: JSON = ["id": "u1", "sizeBytes": 6_000_000]
        let refused = try await client.post(Self.upgrades, big)
        #expect(refused.status == 409 && refused.reason == "ota-exhausted")
        #expect(refused.json["detail"]?.text?.contains("needs 2 attempts; 1 are left") == true)
        _ = try await client.post(Self.topUps, pack("ota", 3))
        let paid = try await client.post(Self.upgrades, big)
        #expect(paid.status == 201 && paid.json["attempts"] == 2)
        #expect(paid.json["fromAllowance"] == 1 && paid.json["fromPacks"] == 1)
        #expect(paid.json["month"]?.text == "2026-11" && paid.json["state"]?.text == "requested")
        #expect(try await client.post(Self.upgrades, big).json == paid.json)
        let other = try await client.post(Self.upgrades, ["id": "u1", "sizeBytes": 1])
        #expect(other.status == 409 && other.reason == "already-exists")
        for size: Int64 in [0, -1, 64 << 30 + 1] {
            let body: JSON = ["id": "u2", "sizeBytes": .integer(size)]
            #expect(try await client.post(Self.upgrades, body).status == 422)
        }
        let unknown = try await client.post(
            "/v1/products/lamp/devices/d9/upgrades", ["id": "u1", "sizeBytes": 1])
        #expect(unknown.status == 404 && unknown.reason == "unknown-device")
    }

    @Test("D2: a failed upgrade gives its attempts back, a report is not contradicted")
    func report() async throws {
        let client = try await client()
        _ = try await client.post(Self.topUps, pack("ota", 3))
        for id in ["u1", "u2"] {
            let body: JSON = ["id": .text(id), "sizeBytes": 5_242_881]
            #expect(try await client.post(Self.upgrades, body).status == 201)
        }
        func report(_ id: String, _ state: String) async throws -> Client.Answer {
            let body: JSON = ["state": .text(state)]
            return try await client.send(.patch, "\(Self.upgrades)/\(id)", body.bytes)
        }
        let failed = try await report("u1", "failed")
        #expect(failed.status == 200 && failed.json["state"]?.text == "failed")
        #expect(try await report("u1", "failed").json == failed.json)
        #expect(try await report("u1", "succeeded").reason == "upgrade-reported")
        #expect(try await report("u3", "failed").reason == "unknown-upgrade")
        #expect(try await report("u2", "requested").status == 422)
        #expect(try await report("u2", "succeeded").status == 200)
        let list = try await client.get(Self.upgrades).json["items"]?.array
        #expect(list?.map { $0["state"]?.text } == ["succeeded", "failed"])
        let changes = try await client.get(Self.topUps + "/changes?kind=ota")
        let rows = changes.json["items"]?.array ?? []
        #expect(
            rows.map { $0["change"]?.text } == ["return", "deduction", "deduction", "purchase"])
        #expect(rows.first?["upgrade"]?.text == "u1" && rows.first?["dk"]?.text == "d1")
        // Also when the product is gone: what was paid is in the books.
        #expect(try await client.send(.delete, "/v1/products/lamp").status == 200)
        #expect(try await client.get("\(Self.upgrades)/u2").json["state"]?.text == "succeeded")
        #expect(try await client.get("\(Self.upgrades)/u9").reason == "unknown-upgrade")
        #expect(try await report("u2", "failed").reason == "upgrade-reported")
        let again: JSON = ["id": "u2", "sizeBytes": 5_242_881]
        #expect(try await client.post(Self.upgrades, again).reason == "upgrade-reported")
    }

    @Test("D2: how many attempts a device has left this month can be asked, and what packs hold")
    func upgradeAllowance() async throws {
        let client = try await client()
        let path = "/v1/products/lamp/devices/d1/upgrade-allowance"
        func figures() async throws -> [Int64?] {
            let found = try await client.get(path).json
            return ["allowance", "used", "left", "packs"].map { found[$0]?.integer }
        }
        #expect(try await figures() == [1, 0, 1, 0])
        #expect(try await client.get(path).json["month"]?.text == "2026-11")
        _ = try await client.post(Self.topUps, pack("ota", 3))
        _ = try await client.post(Self.topUps, pack("ota", 2, expiresAt: "2027-01-01T00:00:00Z"))
        _ = try await client.post(Self.topUps, pack("messages", 9))
        #expect(try await figures() == [1, 0, 1, 5])
        let big: JSON = ["id": "u1", "sizeBytes": 6_000_000]
        #expect(try await client.post(Self.upgrades, big).status == 201)
        #expect(try await figures() == [1, 1, 0, 4])
        // A failed one has cost nothing.
        let report: JSON = ["state": "failed"]
        _ = try await client.send(.patch, "\(Self.upgrades)/u1", report.bytes)
        #expect(try await figures() == [1, 0, 1, 5])
        // Another month; the first pack has expired, closed or not.
        client.controlPlane.set { $0.now = Timestamp("2026-12-01T00:00:00Z")! }
        #expect(try await figures() == [1, 0, 1, 2])
        #expect(try await client.get(path).json["month"]?.text == "2026-12")
        let unknown = try await client.get("/v1/products/lamp/devices/d9/upgrade-allowance")
        #expect(unknown.status == 404 && unknown.reason == "unknown-device")
    }

    @Test("E3: packs and upgrades are in the event log with what they are about")
    func events() async throws {
        let client = try await client()
        _ = try await client.post(Self.topUps, pack("ota", 3))
        _ = try await client.post(Self.upgrades, ["id": "u1", "sizeBytes": 6_000_000])
        let events = try await client.get("/v1/events?limit=1000").json["items"]?.array ?? []
        let last = Array(events.suffix(3))
        #expect(
            last.map { $0["change"]?.text } == [
                "top-up-bought", "upgrade-requested", "top-up-deducted",
            ]
        )
        #expect(last[0]["quantity"] == 3 && last[0]["account"]?.text == "acme")
        #expect(last[1]["sizeBytes"] == 6_000_000 && last[1]["fromPacks"] == 1)
        #expect(last[2]["pack"] == last[0]["pack"] && last[2]["upgrade"]?.text == "u1")
    }

    @Test(
        "an application asks for upgrades of its products, and neither buys packs nor sees others'")
    func roles() async throws {
        let client = try await client()
        _ = try await client.post(
            "/v1/accounts", ["id": "other", "name": "Other", "kind": "individual"])
        func token(_ role: String, _ account: String) async throws -> String {
            let key = try await client.post(
                "/v1/keys", ["name": "k", "role": .text(role), "account": .text(account)])
            return try #require(key.json["token"]?.text)
        }
        let mine = try await token("application", "acme")
        let other = try await token("operator", "other")
        let body: JSON = ["id": "u1", "sizeBytes": 1]
        let report: JSON = ["state": "failed"]
        let paths = [Self.topUps, Self.topUps + "/changes", Self.topUps + "/totals", Self.upgrades]
        for path in paths {
            #expect(try await client.get(path, token: other).status == 404)
            #expect(try await client.get(path, token: mine).status == 200)
        }
        let stolen = try await client.send(.post, Self.upgrades, body.bytes, token: other)
        #expect(stolen.status == 404)
        let asked = try await client.send(.post, Self.upgrades, body.bytes, token: mine)
        #expect(asked.status == 201)
        let path = "\(Self.upgrades)/u1"
        #expect(try await client.send(.patch, path, report.bytes, token: other).status == 404)
        #expect(try await client.send(.patch, path, report.bytes, token: mine).status == 200)
        let bought = try await client.send(
            .post, Self.topUps, pack("ota", 1).bytes, token: mine)
        #expect(bought.status == 403)
        let theirs = try await client.send(
            .post, Self.topUps, pack("ota", 1).bytes, token: other)
        #expect(theirs.status == 404)
    }
}
