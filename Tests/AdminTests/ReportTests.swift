import Foundation
import Gateway
import HTTPTypes
import Ledger
import Processes
import Testing
import Time

@testable import Admin

/// An account's month.
@Suite("Reports", .serves)
struct ReportTests {
    private static let path = "/v1/accounts/acme/report"

    private func set(_ client: Client, _ time: String) throws {
        let now = try #require(Timestamp(time))
        client.controlPlane.set { $0.now = now }
    }

    private func make(_ client: Client, _ path: String, _ body: JSON = [:]) async throws -> JSON {
        let answer = try await client.post("/v1/\(path)", body)
        #expect((200...201).contains(answer.status), "\(path): \(answer.text)")
        return answer.json
    }

    private func submit(_ client: Client, _ action: Action) async throws {
        let command = Command(at: client.controlPlane.now, actor: "gateway", action: action)
        guard case .done = try await client.controlPlane.submit(command) else {
            Issue.record("\(action) was refused")
            return
        }
    }

    private func identity(_ product: String, _ device: String) throws -> DeviceIdentity {
        DeviceIdentity(
            product: try #require(ProductKey(product)), device: try #require(DeviceKey(device)))
    }

    private func connect(_ client: Client, _ product: String, _ device: String) async throws {
        let identity = try identity(product, device)
        try await submit(client, .devices(.activate(identity, confirmsSecret: nil)))
    }

    /// Two accounts that were made in October, `acme` with two products and a sub-account with one.
    private func world(
        _ configure: (inout GatewayConfiguration) -> Void = { _ in }
    ) async throws -> Client {
        let client = try Client(configure)
        try set(client, "2026-10-15T00:00:00Z")
        for (account, parent) in [("acme", nil), ("other", nil), ("west", "acme")] {
            _ = try await make(
                client, "accounts",
                [
                    "id": .text(account), "name": "A", "kind": "enterprise",
                    "parent": JSON(parent),
                ])
        }
        _ = try await make(
            client, "packages",
            ["id": "basic", "name": "Basic", "validityDays": 20, "otaPerMonth": 1])
        for (product, account) in [
            ("lamp", "acme"), ("chair", "acme"), ("fan", "other"), ("bulb", "west"),
        ] {
            _ = try await make(
                client, "products",
                ["pk": .text(product), "name": .text(product), "account": .text(account)])
            _ = try await client.csv("/v1/products/\(product)/devices", "dk,secret\nd1,s\nd2,s\n")
        }
        // The first review only says from where on events are looked at.
        try await submit(client, .alerts(.review(limit: 1)))
        return client
    }

    private func buy(
        _ client: Client, _ quantity: Int64, for product: String? = nil, of account: String = "acme"
    ) async throws -> JSON {
        try await make(
            client, "accounts/\(account)/purchases",
            ["package": "basic", "quantity": .integer(quantity), "product": JSON(product)])
    }

    private func report(
        _ client: Client, _ month: String?, of account: String = "acme",
        token: String = Client.ownerToken.text
    ) async throws -> JSON {
        let query = month.map { "?month=\($0)" } ?? ""
        let answer = try await client.get("/v1/accounts/\(account)/report\(query)", token: token)
        #expect(answer.status == 200, "\(answer.text)")
        return answer.json
    }

    private func figures(_ report: JSON, of product: String) throws -> JSON {
        let products = report["products"]?.array ?? []
        return try #require(products.first { $0["pk"]?.text == product }?["figures"])
    }

    private func numbers(_ json: JSON, _ paths: String) -> [Int64?] {
        paths.split(separator: " ").map { json.at(String($0))?.integer }
    }

    @Test("purchases count in their month to the millisecond, for a product or for the account")
    func borders() async throws {
        let client = try await world()
        for (time, quantity) in [
            ("2026-10-31T23:59:59.999Z", 1), ("2026-11-01T00:00:00Z", 20),
            ("2026-11-30T23:59:59.999Z", 300), ("2026-12-01T00:00:00Z", 4_000),
        ] as [(String, Int64)] {
            try set(client, time)
            _ = try await buy(client, quantity, for: quantity == 20 ? "lamp" : nil)
            _ = try await buy(client, 77, of: "other")
        }
        for (month, bought) in [("2026-10", 1), ("2026-11", 320), ("2026-12", 4_000)] {
            let report = try await report(client, month)
            #expect(report.at("total.codes.bought")?.integer == Int64(bought), "\(month)")
            #expect(report["month"]?.text == month && report["since"]?.text == "2026-10")
        }
        let november = try await report(client, "2026-11")
        #expect(try figures(november, of: "lamp").at("codes.bought") == 20)
        #expect(november["from"]?.text == "2026-11-01T00:00:00Z")
        #expect(november["to"]?.text == "2026-12-01T00:00:00Z")
        #expect(november["running"] == false && november.at("total.codes.left") == nil)
        let running = try await report(client, nil)
        #expect(running["month"]?.text == "2026-12" && running["running"] == true)
        #expect(running.at("total.codes.left")?.integer == 4_321)
        #expect(try figures(running, of: "lamp").at("codes.left") == 20)
        #expect(
            numbers(running, "total.devices.known total.devices.active") == [4, 0])
    }

    @Test("a month begins where the gateway's days do, whatever the offset is")
    func offset() async throws {
        let client = try await world { $0.metering.dayOffsetMinutes = 480 }
        for time in ["2026-11-30T15:59:59.999Z", "2026-11-30T16:00:00Z"] {
            try set(client, time)
            _ = try await buy(client, time.hasSuffix("999Z") ? 1 : 10)
        }
        let december = try await report(client, nil)
        #expect(december["month"]?.text == "2026-12")
        #expect(december["from"]?.text == "2026-11-30T16:00:00Z")
        #expect(december.at("total.codes.bought") == 10)
        #expect(try await report(client, "2026-11").at("total.codes.bought") == 1)
    }

    @Test("a month before the account was made, one to come, and what is no month are refused")
    func wrongMonths() async throws {
        let client = try await world()
        for (month, detail) in [
            ("2026-09", "month: account acme was made in 2026-10; there is nothing of 2026-09"),
            ("2026-11", "month: 2026-11 has not begun; 2026-10 is running"),
            ("2026-13", "month: must be 7 of 0-9 -, like 2026-11"),
            ("2026-1", "month: must be 7 of 0-9 -, like 2026-11"),
        ] {
            let answer = try await client.get("\(Self.path)?month=\(month)")
            let isMonth = detail.contains("2026-10")
            #expect(answer.status == (isMonth ? 404 : 422), "\(month)")
            #expect(answer.reason == (isMonth ? "not-found" : "invalid-request"), "\(month)")
            #expect(answer.json["detail"]?.text == detail, "\(answer.text)")
        }
    }

    /// November of an account: codes, two products' devices, packs, an upgrade, alerts. What happens to another account in
    /// the same way must not be in it.
    private func november(_ client: Client) async throws {
        try set(client, "2026-11-02T00:00:00Z")
        _ = try await buy(client, 50)
        for (account, product) in [("acme", "lamp"), ("other", "fan"), ("west", "bulb")] {
            _ = try await buy(client, 10, for: product, of: account)
            try await connect(client, product, "d1")
            _ = try await make(client, "products/\(product)/devices/d2/activate")
            for (kind, source) in [("messages", "purchase"), ("ota", "gift")] {
                _ = try await make(
                    client, "accounts/\(account)/topups",
                    [
                        "kind": .text(kind), "quantity": 5, "source": .text(source),
                        "expiresAt": "2027-01-01",
                    ])
            }
            for (id, state) in [("u1", "succeeded"), ("u2", "failed")] {
                let upgrades = "products/\(product)/devices/d1/upgrades"
                _ = try await make(client, upgrades, ["id": .text(id), "sizeBytes": 6_000_000])
                let outcome: JSON = ["state": .text(state)]
                let told = try await client.send(.patch, "/v1/\(upgrades)/\(id)", outcome.bytes)
                #expect(told.status == 200, "\(told.text)")
            }
            let rule: JSON = ["number": 100, "percent": 100]
            let path = "/v1/accounts/\(account)/alert-rules/codes-low"
            #expect(try await client.send(.put, path, rule.bytes).status == 200)
        }
        _ = try await make(
            client, "accounts/acme/assignments",
            ["product": "chair", "quantity": 7, "package": "basic"])
        try await submit(client, .alerts(.review(limit: 10_000)))
        // d1 is renewed 20 days on; d2 is not.
        try set(client, "2026-11-22T00:00:00Z")
        try await connect(client, "lamp", "d1")
        let gone = try await client.send(.delete, "/v1/products/lamp/devices/d2")
        #expect(gone.status == 204)
    }

    @Test("a month of two products, beside another account's, in figures")
    func month() async throws {
        let client = try await world()
        try await november(client)
        let report = try await report(client, nil)
        #expect(
            (report["products"]?.array ?? []).compactMap { $0["pk"]?.text } == ["chair", "lamp"])
        let lamp = try figures(report, of: "lamp")
        let codes = "codes.bought codes.granted codes.assigned codes.left"
        #expect(numbers(lamp, codes) == [10, 0, 0, 7])
        let consumed = "consumed.first consumed.renewal consumed.manual consumed.voided"
        #expect(numbers(lamp, consumed) == [1, 1, 1, 0])
        #expect(numbers(lamp, "ending.month ending.nextMonth") == [2, 1])
        let devices = "devices.registered devices.deleted devices.known devices.active"
        #expect(numbers(lamp, devices) == [0, 1, 1, 1])
        let ota = "ota.upgrades ota.fromAllowance ota.fromPacks ota.givenBack"
        #expect(numbers(lamp, ota) == [2, 1, 3, 2])
        #expect(numbers(lamp, "alerts.fired alerts.resolved") == [1, 0])
        let chair = try figures(report, of: "chair")
        #expect(numbers(chair, codes) == [0, 0, 7, 7])
        #expect(numbers(chair, consumed) == [0, 0, 0, 0])
        let total = try #require(report["total"])
        #expect(numbers(total, codes) == [60, 0, 7, 57])
        #expect(numbers(total, consumed) == [1, 1, 1, 0] && numbers(total, ota) == [2, 1, 3, 2])
        let packs = report["packs"]?.array ?? []
        let columns = "packs bought given used givenBack expired voided"
        #expect(
            packs.map { numbers($0, columns) } == [[1, 5, 0, 0, 0, 0, 0], [1, 0, 5, 3, 2, 0, 0]])
        // The stand-in has counted 1 today, 2 the day before, and so on.
        let messages = (1...22).reduce(0, +)
        #expect(lamp.at("messages.used")?.integer == Int64(messages))
        #expect(total.at("messages.used")?.integer == Int64(2 * messages))
        let days = report["days"]?.array ?? []
        #expect(days.count == 22 && days.last == ["day": "2026-11-22", "used": 2, "topUp": 0])
        // The same at another account, without the assignment.
        let other = try await self.report(client, nil, of: "other")
        #expect(numbers(try #require(other["total"]), codes) == [10, 0, 0, 8])
        #expect(!"\(String(decoding: other.bytes, as: UTF8.self))".contains("lamp"))
        let october = try await self.report(client, "2026-10")
        #expect(numbers(try #require(october["total"]), devices) == [4, 0, nil, nil])
    }

    @Test("what corrections take back counts in the month in which they do, and no month changes")
    func corrections() async throws {
        let client = try await world()
        try await november(client)
        let before = try await report(client, "2026-11")
        try set(client, "2026-12-01T00:00:00Z")
        let codes = try await client.get("/v1/accounts/acme/purchases").json["items"]?.array ?? []
        let code = try #require(codes.first?["firstCode"]?.text)
        let body: JSON = ["cause": "a mistake"]
        let voided = try await client.send(
            .post, "/v1/accounts/acme/purchases/\(code)/void", body.bytes)
        #expect(voided.status == 200, "\(voided.text)")
        let consumption = try await client.send(
            .post, "/v1/products/lamp/devices/d1/void-activation", body.bytes)
        #expect(consumption.status == 200, "\(consumption.text)")
        let december = try await report(client, nil)
        #expect(december.at("total.codes.voided")?.integer == 50)
        #expect(december.at("total.consumed.voided") == 1)
        let after = try await report(client, "2026-11")
        for member in ["codes.bought", "codes.voided", "consumed.first", "consumed.renewal"] {
            #expect(after.at("total.\(member)") == before.at("total.\(member)"), "\(member)")
        }
    }

    @Test("codes that go with a deleted product are lost in that month")
    func lost() async throws {
        let client = try await world()
        try await november(client)
        try set(client, "2026-12-03T00:00:00Z")
        for product in ["lamp", "fan"] {
            let gone = try await client.send(.delete, "/v1/products/\(product)")
            #expect(gone.status == 200)
        }
        let december = try await report(client, nil)
        #expect(numbers(try figures(december, of: "lamp"), "codes.lost codes.left") == [7, 0])
        #expect(numbers(december, "total.codes.lost total.codes.left") == [7, 50])
        #expect(try await report(client, "2026-11").at("total.codes.lost") == 0)
        #expect(try await report(client, nil, of: "other").at("total.codes.lost") == 8)
    }

    @Test("a node that does not answer is named in the document, in the CSV and on the page")
    func missing() async throws {
        let client = try await world()
        try await november(client)
        #expect(try await report(client, nil)["missing"] == [])
        client.controlPlane.set {
            $0.nodes = [NodeName("n1"), StandInControlPlane.silent].compactMap(\.self)
        }
        let report = try await report(client, nil)
        #expect(report["missing"] == ["silent"])
        let csv = String(decoding: AccountReport.csv(of: report), as: UTF8.self)
        let lines = csv.split(separator: "\r\n")
        #expect(lines.first?.hasSuffix(",missing") == true)
        #expect(lines.last?.hasSuffix(",silent") == true)
        for (isChinese, text) in [(false, "did not answer"), (true, "未应答")] {
            let page = String(
                decoding: AccountReport.page(of: report, inChinese: isChinese), as: UTF8.self)
            #expect(page.contains(text) && page.contains(" silent</p>"))
        }
    }

    @Test("mail counts in the month in which it was to be sent, by what became of it")
    func mail() async throws {
        let client = try await world()
        var settings = AlertSettings()
        settings.mails = true
        try await submit(client, .alerts(.adopt(settings)))
        for email in ["ann@example.org", "bob@example.org"] {
            let body: JSON = [:]
            let put = try await client.send(
                .put, "/v1/accounts/acme/contacts/\(email)", body.bytes)
            #expect(put.status == 200)
        }
        try await november(client)
        let report = try await report(client, nil)
        #expect(report["mail"] == ["sent": 0, "givenUp": 0, "waiting": 2])
        let other = try await self.report(client, nil, of: "other")
        #expect(other["mail"] == ["sent": 0, "givenUp": 0, "waiting": 0])
        #expect(try await self.report(client, "2026-10")["mail"]?["waiting"] == 0)
    }

    @Test("a sub-account's key has the report of its account, and of no other; an application none")
    func rights() async throws {
        let client = try await world()
        try await november(client)
        func token(_ role: String, _ account: String) async throws -> String {
            let body: JSON = ["name": "k", "role": .text(role), "account": .text(account)]
            return try #require(try await make(client, "keys", body)["token"]?.text)
        }
        let west = try await token("sub-account", "west")
        let own = try await report(client, nil, of: "west", token: west)
        #expect(own.at("total.codes.bought") == 10)
        #expect(try await client.get(Self.path, token: west).status == 404)
        let acme = try await token("sub-account", "acme")
        #expect(try await report(client, nil, token: acme).at("total.codes.bought") == 60)
        #expect(try await report(client, nil, of: "west", token: acme)["account"]?.text == "west")
        #expect(
            try await client.get("/v1/accounts/other/report", token: acme).status == 404)
        let application = try await token("application", "acme")
        #expect(try await client.get(Self.path, token: application).status == 403)
    }

    @Test("as CSV: a row for each product, the total in the last one, the same columns in each")
    func csv() async throws {
        let client = try await world()
        try await november(client)
        let text = String(
            decoding: AccountReport.csv(of: try await report(client, nil)), as: UTF8.self)
        let lines = text.split(separator: "\r\n").map {
            $0.split(separator: ",", omittingEmptySubsequences: false)
        }
        try #require(lines.count == 4)
        #expect(lines[1].prefix(4).joined(separator: ",") == "2026-11,acme,chair,chair")
        #expect(lines[3].prefix(5).joined(separator: ",") == "2026-11,acme,,total,60")
        #expect(lines.allSatisfy { $0.count == lines[0].count })
        #expect(lines[0].contains("packs.ota.used") && lines[0].contains("mail.sent"))
    }

    @Test("the page loads nothing, and what is in the books is text in it")
    func page() async throws {
        let client = try await world()
        let name: JSON = ["name": "<img src=x>"]
        let renamed = try await client.send(.patch, "/v1/accounts/acme", name.bytes)
        #expect(renamed.status == 200)
        let report = try await report(client, nil)
        for isChinese in [false, true] {
            let bytes = AccountReport.page(of: report, inChinese: isChinese)
            let page = String(decoding: bytes, as: UTF8.self)
            #expect(page.contains("<h1>&lt;img src=x&gt;: 2026-10</h1>"))
            #expect(!page.contains("src=\"") && !page.contains("href="))
            #expect(page.contains("@media print"))
            #expect(page.contains(isChinese ? "激活码消耗与到期" : "Codes consumed and ending"))
        }
    }

    @Test(
        "a month of a large fleet is read in parts: TOLLGATE_REPORT_DEVICES says of how many"
    )
    func fleet() async throws {
        let count =
            ProcessInfo.processInfo.environment["TOLLGATE_REPORT_DEVICES"].flatMap { Int($0) }
            ?? 6_000
        let client = try await world()
        try set(client, "2026-11-02T00:00:00Z")
        _ = try await buy(client, Int64(count), for: "lamp")
        let rows = (0..<count).map { "device-\($0),secret\n" }.joined()
        let made = try await client.csv("/v1/products/lamp/devices", "dk,secret\n\(rows)")
        #expect(made.status == 201, "\(made.text.prefix(200))")
        for first in stride(from: 0, to: count, by: 500) {
            try await withThrowingTaskGroup { group in
                for number in first..<min(first + 500, count) {
                    let identity = try identity("lamp", "device-\(number)")
                    group.addTask {
                        try await self.submit(
                            client, .devices(.activate(identity, confirmsSecret: nil)))
                    }
                }
                try await group.waitForAll()
            }
        }
        for (month, first) in [("2026-11", count), ("2026-10", 0)] {
            let since = ContinuousClock.now
            let report = try await report(client, month)
            let taken = ContinuousClock.now - since
            #expect(report.at("total.consumed.first")?.integer == Int64(first))
            #expect(report.at("total.ending.month")?.integer == Int64(first))
            if count > 6_000 { print("\(count) devices, \(month): \(taken)") }
        }
    }
}
