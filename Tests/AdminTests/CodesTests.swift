import HTTPTypes
import Processes
import Storage
import Testing

@testable import Admin

@Suite("Accounts, packages, products and codes over HTTP", .serves)
struct CodesTests {
    @Test("A1: an account shows total, used, remaining and unassigned codes")
    func account() async throws {
        let client = try Client()
        try await client.furnish(codes: 10, assigned: 4)
        let answer = try await client.get("/v1/accounts/acme")
        let codes: JSON = ["total": 10, "used": 0, "remaining": 10, "unassigned": 6]
        for name in ["total", "used", "remaining", "unassigned"] {
            #expect(answer.json["codes"]?[name] == codes[name])
        }
        #expect(answer.json["kind"]?.text == "enterprise")
        #expect(answer.json["packages"]?.array?.first?["unassigned"] == 6)
    }

    @Test("A2: codes are bought with a package, with or without a product")
    func purchases() async throws {
        let client = try Client()
        try await client.furnish(codes: 10, assigned: 0)
        let answer = try await client.post(
            "/v1/accounts/acme/purchases",
            ["package": "basic", "quantity": 3, "product": "lamp"]
        )
        #expect(answer.status == 201)
        #expect(answer.json["quantity"] == 3 && answer.json["product"]?.text == "lamp")
        #expect(try await client.get("/v1/products/lamp").json["codes"]?["assigned"] == 3)
        let list = try await client.get("/v1/accounts/acme/purchases")
        #expect(list.json["items"]?.array?.count == 2)
        let none = try await client.post(
            "/v1/accounts/acme/purchases", ["package": "gold", "quantity": 1])
        #expect(none.status == 404 && none.reason == "unknown-package")
        let zero = try await client.post(
            "/v1/accounts/acme/purchases", ["package": "basic", "quantity": 0])
        #expect(zero.status == 422)
    }

    @Test("A3, A6: what can be assigned is told before, more is refused, the history shows it")
    func assignments() async throws {
        let client = try Client()
        try await client.furnish(codes: 10, assigned: 4)
        let path = "/v1/accounts/acme/assignable?product=lamp"
        #expect(try await client.get(path).json["quantity"] == 6)
        let many = try await client.post(
            "/v1/accounts/acme/assignments", ["product": "lamp", "quantity": 7])
        #expect(many.status == 409 && many.reason == "not-enough-unassigned")
        let all = try await client.post(
            "/v1/accounts/acme/assignments", ["product": "lamp", "quantity": 6])
        #expect(all.status == 201)
        #expect(try await client.get(path).json["quantity"] == 0)
        let history = try await client.get("/v1/accounts/acme/assignments?product=LAMP")
        let quantities = history.json["items"]?.array?.map { $0["quantity"] }
        #expect(quantities == [6, 4])
        #expect(history.json["items"]?.array?.first?["actor"]?.text == "owner")
    }

    @Test("A4: codes of another package are refused, with both named")
    func packageMismatch() async throws {
        let client = try Client()
        try await client.furnish()
        _ = try await client.post("/v1/packages", ["id": "gold", "name": "G", "validityDays": 60])
        let answer = try await client.post(
            "/v1/accounts/acme/purchases",
            ["package": "gold", "quantity": 1, "product": "lamp"]
        )
        #expect(answer.status == 409 && answer.reason == "package-mismatch")
        let detail = try #require(answer.json["detail"]?.text)
        #expect(detail.contains("gold") && detail.contains("basic"))
    }

    @Test("A5: an upgrade takes another package for all, and may not lower an allowance")
    func upgrade() async throws {
        let client = try Client()
        try await client.furnish()
        _ = try await client.post("/v1/packages", ["id": "gold", "name": "G", "validityDays": 60])
        _ = try await client.post(
            "/v1/packages",
            ["id": "tin", "name": "T", "validityDays": 30, "messagesPerDay": 10]
        )
        let lower = try await client.post("/v1/products/lamp/upgrade", ["package": "tin"])
        #expect(lower.status == 409 && lower.reason == "allowance-lowered")
        let higher = try await client.post("/v1/products/lamp/upgrade", ["package": "gold"])
        #expect(higher.status == 200 && higher.json["package"]?.text == "gold")
    }

    @Test("A8: a repeated idempotency key changes nothing and gets the first answer, secrets too")
    func idempotency() async throws {
        let client = try Client()
        try await client.furnish()
        let purchase: JSON = ["package": "basic", "quantity": 3]
        for _ in 1...3 {
            let path = "/v1/accounts/acme/purchases"
            #expect(try await client.post(path, purchase, key: "order-1").status == 201)
        }
        #expect(try await client.get("/v1/accounts/acme").json["codes"]?["total"] == 13)
        let product: JSON = ["name": "Fan", "account": "acme"]
        let first = try await client.post("/v1/products", product, key: "p-1")
        let second = try await client.post("/v1/products", product, key: "p-1")
        #expect(first.json["pk"] == second.json["pk"])
        #expect(first.json["secret"] == second.json["secret"] && first.json["secret"] != nil)
        let other = try await client.post("/v1/products", product)
        #expect(other.json["pk"] != first.json["pk"])
        let reused = try await client.post(
            "/v1/products", ["name": "Other", "account": "acme"], key: "p-1")
        #expect(reused.status == 409 && reused.reason == "idempotency-key-reused")
    }

    @Test("a product is created with a secret, shown once, changed and deleted (B9)")
    func product() async throws {
        let client = try Client()
        try await client.furnish(codes: 10, assigned: 0)
        let made = try await client.post("/v1/products", ["name": "Fan", "account": "acme"])
        #expect(made.status == 201)
        let key = try #require(made.json["pk"]?.text)
        #expect(made.json["secret"]?.text?.utf8.count == 32)
        #expect(made.json["package"] == .null && made.json["autoRenewal"] == true)
        #expect(made.json["registration"]?.text == "imported")
        #expect(try await client.get("/v1/products/\(key)").json["secret"] == nil)
        let body: JSON = [
            "autoRenewal": false, "registration": "open", "dayOffsetMinutes": 480,
        ]
        let changed = try await client.send(.patch, "/v1/products/\(key)", body.bytes)
        #expect(changed.json["autoRenewal"] == false && changed.json["dayOffsetMinutes"] == 480)
        _ = try await client.post(
            "/v1/accounts/acme/assignments",
            ["product": .text(key), "quantity": 5, "package": "basic"]
        )
        let deleted = try await client.send(.delete, "/v1/products/\(key)")
        #expect(deleted.json["forfeited"] == 5)
        #expect(try await client.get("/v1/products/\(key)").status == 404)
    }

    @Test("lists come in pages, and as CSV")
    func lists() async throws {
        let client = try Client()
        for index in 1...5 {
            _ = try await client.post(
                "/v1/packages",
                ["id": .text("p\(index)"), "name": "a \"b\", c", "validityDays": 30]
            )
        }
        var seen: [String] = []
        var path = "/v1/packages?limit=2"
        for _ in 1...3 {
            let page = try await client.get(path).json
            seen += page["items"]?.array?.compactMap { $0["id"]?.text } ?? []
            guard let cursor = page["cursor"]?.text else { break }
            path = "/v1/packages?limit=2&cursor=\(cursor)"
        }
        #expect(seen == ["p1", "p2", "p3", "p4", "p5"])
        let csv = try await client.send(.get, "/v1/packages", headers: ["Accept": "text/csv"])
        let lines = csv.text.split(separator: "\r\n")
        #expect(lines.first == "id,name,validityDays,messagesPerDay,otaPerMonth,storageDays")
        #expect(lines.dropFirst().first == "p1,\"a \"\"b\"\", c\",30,,1,7")
    }

    @Test("E3: the events tell in order what changed the books, from any point on")
    func events() async throws {
        let client = try Client()
        try await client.furnish()
        let all = try await client.get("/v1/events").json["items"]?.array ?? []
        #expect(
            all.compactMap { $0["change"]?.text } == [
                "account-created", "package-created", "codes-bought", "product-created",
                "codes-assigned",
            ]
        )
        let rest = try await client.get("/v1/events?after=3").json["items"]?.array ?? []
        #expect(rest.compactMap { $0["sequence"]?.integer } == [4, 5])
    }

    @Test("E3: the events are read from either end, by change, account and product")
    func eventFilters() async throws {
        let client = try Client()
        try await client.furnish()
        _ = try await client.post(
            "/v1/accounts", ["id": "other", "name": "Other", "kind": "enterprise"])
        _ = try await client.post(
            "/v1/products", ["pk": "fan", "name": "Fan", "account": "other"])
        let key = try await client.post(
            "/v1/keys", ["name": "K", "role": "operator", "account": "other"])
        let token = try #require(key.json["token"]?.text)
        func numbers(
            _ query: String, limit: Int = 2, token: String = Client.ownerToken.text
        ) async throws -> [Int64] {
            var (seen, cursor): ([Int64], String) = ([], "")
            while true {
                let page = try await client.get(
                    "/v1/events?limit=\(limit)\(query)\(cursor)", token: token)
                try #require(page.status == 200, "\(page.text)")
                let items = page.json["items"]?.array ?? []
                #expect(items.count <= limit)
                seen += items.compactMap { $0["sequence"]?.integer }
                guard let next = page.json["cursor"]?.text else { return seen }
                cursor = "&cursor=\(next)"
            }
        }
        #expect(try await numbers("") == [1, 2, 3, 4, 5, 6, 7, 8])
        #expect(try await numbers("&order=oldest-first") == [1, 2, 3, 4, 5, 6, 7, 8])
        #expect(try await numbers("&order=newest-first") == [8, 7, 6, 5, 4, 3, 2, 1])
        #expect(try await numbers("&order=newest-first&after=5") == [8, 7, 6])
        #expect(try await numbers("&change=product-created") == [4, 7])
        #expect(
            try await numbers("&change=product-created&order=newest-first", limit: 1) == [7, 4])
        #expect(try await numbers("&change=clock-confirmed").isEmpty)
        #expect(try await numbers("&account=acme") == [1, 3, 4, 5])
        #expect(try await numbers("&account=other") == [6, 7, 8])
        #expect(try await numbers("&product=lamp&order=newest-first") == [5, 4])
        #expect(try await numbers("&product=lamp&account=other").isEmpty)
        // A filter shows nothing that is out of reach.
        #expect(try await numbers("&order=newest-first", token: token) == [8, 7, 6])
        #expect(try await numbers("&account=acme", token: token).isEmpty)
        #expect(try await numbers("&product=lamp", token: token).isEmpty)
        #expect(try await numbers("&product=fan", token: token) == [7])

        let part = try await client.get("/v1/events?limit=2&order=newest-first")
        let cursor = try #require(part.json["cursor"]?.text)
        let other = try await client.get("/v1/events?cursor=\(cursor)")
        #expect(other.status == 404 && other.reason == "unknown-cursor")
        #expect(try await client.get("/v1/events?order=sideways").status == 422)
        #expect(try await client.get("/v1/events?change=no-such-thing").status == 422)
        let stream = try await client.send(
            .get, "/v1/events?order=newest-first", headers: ["Accept": "text/event-stream"])
        #expect(stream.status == 422 && stream.text.contains("order"))
    }

    @Test("E3: the log goes on with the cursor that it hands out, as every list does")
    func eventPages() async throws {
        let client = try Client()
        try await client.furnish()
        let parts: [(String, [Int64])] = [("", [1, 2, 3, 4, 5]), ("&after=1", [2, 3, 4, 5])]
        for (start, expected) in parts {
            var (seen, path): ([Int64], String?) = ([], "/v1/events?limit=2\(start)")
            while let next = path {
                let page = try await client.get(next).json
                let items = page["items"]?.array ?? []
                #expect(items.count <= 2)
                seen += items.compactMap { $0["sequence"]?.integer }
                path = page["cursor"]?.text.map { "/v1/events?limit=2\(start)&cursor=\($0)" }
            }
            #expect(seen == expected)
        }
        let first = try await client.get("/v1/events?limit=2")
        let cursor = try #require(first.json["cursor"]?.text)
        let other = try await client.get("/v1/events?after=1&cursor=\(cursor)")
        #expect(other.status == 404 && other.reason == "unknown-cursor")
    }
}
