import Gateway
import HTTPTypes
import Ledger
import Processes
import Testing

@testable import Admin

/// Free codes (A7), sub-accounts and what keys reach, contacts (E1), data centres (B13).
@Suite("Accounts", .serves)
struct AccountsTests {
    private func token(
        _ client: Client,
        _ role: String,
        _ account: String,
        products: [String]? = nil
    ) async throws -> String {
        let key = try await client.post(
            "/v1/keys",
            [
                "name": "k", "role": .text(role), "account": .text(account),
                "products": products.map { .array($0.map { .text($0) }) } ?? .null,
            ]
        )
        return try #require(key.json["token"]?.text)
    }

    private func open(
        _ client: Client,
        _ id: String,
        _ kind: String = "enterprise",
        under parent: String? = nil
    ) async throws -> JSON {
        let answer = try await client.post(
            "/v1/accounts",
            [
                "id": .text(id), "name": .text(id), "kind": .text(kind),
                "parent": parent.map { .text($0) } ?? .null,
            ]
        )
        #expect(answer.status == 201)
        return answer.json
    }

    private func ids(_ answer: Client.Answer, _ name: String = "id") -> [String] {
        answer.json["items"]?.array?.compactMap { $0[name]?.text } ?? []
    }

    private func counted(_ client: Client, _ query: String) async throws -> [Int64] {
        let account = try await client.get("/v1/accounts/acme\(query)").json
        return ["total", "used", "remaining", "unassigned"]
            .compactMap { account["codes"]?[$0]?.integer }
    }

    @Test(
        "E2: a rule that is set without days has those that its kind has by default",
        arguments: AccountRule.allCases.map(\.name))
    func daysByDefault(_ rule: String) async throws {
        let client = try Client()
        _ = try await open(client, "acme")
        func days(_ answer: Client.Answer) -> JSON? {
            answer.json["items"]?.array?.first { $0["rule"]?.text == rule }?["days"]
        }
        let rules = "/v1/accounts/acme/alert-rules"
        let before = days(try await client.get(rules))
        #expect(before != nil)
        let number: JSON = ["number": 1]
        #expect(try await client.send(.put, "\(rules)/\(rule)", number.bytes).status == 200)
        #expect(days(try await client.get(rules)) == before)
    }

    // MARK: A7

    @Test("A7: account-10-5: free codes at creation, once, and 5 more for a certification")
    func freeCodes() async throws {
        let client = try Client(freeCodes: .perAccount)
        #expect(try await open(client, "firm")["codes"]?["unassigned"]?.integer == 10)
        let ann = try await open(client, "ann", "individual")
        #expect(ann["codes"]?["unassigned"]?.integer == 5)
        #expect(ann["packages"]?.array?.first?["granted"]?.integer == 5)
        #expect(ann["packages"]?.array?.first?["package"]?.text == "free")
        let certified = try await client.send(.post, "/v1/accounts/ann/certify")
        #expect(certified.json["kind"]?.text == "enterprise")
        #expect(certified.json["certifiedAt"] != .null)
        #expect(certified.json["codes"]?["total"]?.integer == 10)
        let again = try await client.send(.post, "/v1/accounts/ann/certify")
        #expect(again.status == 409 && again.reason == "enterprise-already")
        #expect(try await client.send(.post, "/v1/accounts/none/certify").status == 404)
        let events = try await client.get("/v1/events").json["items"]?.array ?? []
        let grants = events.filter { $0["change"]?.text == "codes-granted" }
        #expect(grants.compactMap { $0["quantity"]?.integer } == [10, 5, 5])
        let purchases = try await client.get("/v1/accounts/ann/purchases").json["items"]?.array
        #expect(purchases?.compactMap { $0["source"]?.text } == ["grant", "grant"])
        let package = try await client.get("/v1/packages/free").json
        #expect(package["validityDays"]?.integer == 365)
        #expect(package["messagesPerDay"]?.integer == 1_500)
    }

    @Test("A7: product-100-20: free codes for each product by its account's kind")
    func freeCodesOfProducts() async throws {
        let client = try Client(freeCodes: .perProduct)
        #expect(try await open(client, "firm")["codes"]?["total"]?.integer == 0)
        _ = try await open(client, "ann", "individual")
        for (key, account, quantity) in [("p1", "firm", 100), ("p2", "ann", 20), ("p3", "ann", 20)]
        {
            let product = try await client.post(
                "/v1/products", ["pk": .text(key), "name": "P", "account": .text(account)])
            #expect(product.status == 201)
            #expect(product.json["codes"]?["remaining"]?.integer == Int64(quantity))
            #expect(product.json["package"]?.text == "free")
        }
        #expect(
            try await client.get("/v1/accounts/ann").json["codes"]?["total"]?.integer == 40)
    }

    @Test("A7, A8: a repeated creation is answered as the first time, other terms or not")
    func repeated() async throws {
        let client = try Client(freeCodes: .perAccount)
        let body: JSON = ["name": "Firm", "kind": "enterprise"]
        let first = try await client.post("/v1/accounts", body, key: "k")
        let again = try await client.post("/v1/accounts", body, key: "k")
        #expect(first.json == again.json && first.status == 201)
        #expect(try await client.get("/v1/accounts").json["items"]?.array?.count == 1)
    }

    // MARK: Sub-accounts

    @Test("a key bound to an account reaches its sub-accounts, and one of a sub-account only that")
    func reach() async throws {
        let client = try Client()
        try await client.furnish()
        _ = try await open(client, "other")
        _ = try await client.post("/v1/products", ["pk": "fan", "name": "F", "account": "other"])
        let made = try await client.post(
            "/v1/accounts/acme/sub-accounts", ["id": "sub", "name": "Sub"])
        #expect(made.status == 201 && made.json["parent"]?.text == "acme")
        #expect(made.json["kind"]?.text == "enterprise")
        #expect(made.headers[.location] == "/v1/accounts/sub")
        _ = try await client.post("/v1/products", ["pk": "bulb", "name": "B", "account": "sub"])
        let parent = try await token(client, "sub-account", "acme")
        let sub = try await token(client, "sub-account", "sub")
        #expect(ids(try await client.get("/v1/products", token: parent), "pk") == ["lamp", "bulb"])
        #expect(ids(try await client.get("/v1/products", token: sub), "pk") == ["bulb"])
        for page in ["/v1/products?account=sub", "/v1/products?account=acme"] {
            #expect(try await client.get(page, token: parent).json["items"]?.array?.count == 1)
        }
        #expect(
            ids(try await client.get("/v1/products?account=other", token: parent), "pk").isEmpty)
        let first = try await client.get("/v1/products?limit=1", token: parent)
        let cursor = try #require(first.json["cursor"]?.text)
        let second = try await client.get("/v1/products?limit=1&cursor=\(cursor)", token: parent)
        #expect(ids(first, "pk") + ids(second, "pk") == ["lamp", "bulb"])
        for (path, whoParent, whoSub) in [
            ("/v1/accounts/acme", 200, 404), ("/v1/accounts/sub", 200, 200),
            ("/v1/accounts/other", 404, 404), ("/v1/products/lamp", 200, 404),
            ("/v1/products/bulb", 200, 200), ("/v1/products/fan", 404, 404),
            ("/v1/accounts/acme/sub-accounts", 200, 404),
            ("/v1/accounts/acme/purchases", 200, 404),
            ("/v1/accounts/sub/purchases", 200, 200),
        ] {
            #expect(try await client.get(path, token: parent).status == whoParent, "\(path)")
            #expect(try await client.get(path, token: sub).status == whoSub, "\(path)")
        }
        let list = try await client.get("/v1/accounts/acme/sub-accounts", token: parent)
        #expect(ids(list) == ["sub"])
        #expect(ids(try await client.get("/v1/accounts?parent=acme")) == ["sub"])
        #expect(try await client.get("/v1/accounts", token: parent).status == 403)
        // A key that is bound to the parent may name a sub-account's product.
        _ = try await token(client, "application", "acme", products: ["bulb"])
    }

    @Test("sub-accounts are made by operators that reach the parent; they are certified with it")
    func subAccounts() async throws {
        let client = try Client(freeCodes: .perAccount)
        _ = try await open(client, "ann", "individual")
        _ = try await open(client, "bob", "individual")
        let operators = try await token(client, "operator", "ann")
        let tenant = try await token(client, "sub-account", "ann")
        let body = (["name": "Sub", "id": "sub"] as JSON).bytes
        func post(_ path: String, _ token: String, _ body: [UInt8]? = nil) async throws -> Int {
            try await client.send(.post, path, body, token: token).status
        }
        #expect(try await post("/v1/accounts/ann/sub-accounts", tenant, body) == 403)
        #expect(try await post("/v1/accounts/bob/sub-accounts", operators, body) == 404)
        #expect(try await post("/v1/accounts/ann/sub-accounts", operators, body) == 201)
        let sub = try await client.get("/v1/accounts/sub").json
        #expect(sub["kind"]?.text == "individual" && sub["codes"]?["total"]?.integer == 0)
        let nested = try await client.post("/v1/accounts/sub/sub-accounts", ["name": "S"])
        #expect(nested.status == 409 && nested.reason == "parent-is-sub-account")
        #expect(try await post("/v1/accounts/ann/certify", operators) == 403)
        let alone = try await client.send(.post, "/v1/accounts/sub/certify")
        #expect(alone.status == 409 && alone.reason == "certified-with-parent")
        _ = try await client.send(.post, "/v1/accounts/ann/certify")
        #expect(try await client.get("/v1/accounts/sub").json["kind"]?.text == "enterprise")
    }

    // MARK: E1

    @Test("E1: the owner's address is validated, shown and changed")
    func ownersAddress() async throws {
        let client = try Client()
        let account = try await client.post(
            "/v1/accounts",
            ["id": "acme", "name": "Acme", "kind": "enterprise", "email": "Boss@Acme.Example"])
        #expect(account.json["email"]?.text == "Boss@acme.example")
        let tenant = try await token(client, "sub-account", "acme")
        func patch(_ body: JSON) async throws -> Client.Answer {
            try await client.send(.patch, "/v1/accounts/acme", body.bytes, token: tenant)
        }
        let wrong = try await patch(["email": "boss@acme"])
        #expect(wrong.status == 422)
        #expect(
            wrong.json["detail"]?.text == "email: must be an e-mail address like ann@example.org")
        let changed = try await patch(["email": "ann@example.org", "name": "Acme Ltd."])
        #expect(changed.json["email"]?.text == "ann@example.org")
        #expect(changed.json["name"]?.text == "Acme Ltd.")
        #expect(try await patch([:]).json["email"]?.text == "ann@example.org")
        #expect(try await patch(["kind": "individual"]).status == 422)
    }

    @Test("E1: owner and sub-accounts edit one list of contacts, nobody else sees it")
    func contacts() async throws {
        let client = try Client()
        _ = try await open(client, "acme")
        _ = try await open(client, "other")
        _ = try await open(client, "sub", under: "acme")
        let sub = try await token(client, "sub-account", "sub")
        let stranger = try await token(client, "sub-account", "other")
        let application = try await token(client, "application", "acme")
        func put(
            _ account: String,
            _ email: String,
            _ name: String,
            _ token: String
        ) async throws -> Client.Answer {
            try await client.send(
                .put, "/v1/accounts/\(account)/contacts/\(email)",
                (["name": .text(name)] as JSON).bytes, token: token)
        }
        let owner = Client.ownerToken.text
        let first = try await put("acme", "ann%2Bx@example.org", "Ann", owner)
        #expect(first.status == 200 && first.json["email"]?.text == "ann+x@example.org")
        #expect(first.json["actor"]?.text == "owner")
        #expect(try await put("acme", "bob@example.org", "Bob", sub).status == 200)
        #expect(try await put("sub", "bob@example.org", "Robert", sub).status == 200)
        #expect(try await put("acme", "eve@example.org", "Eve", stranger).status == 404)
        #expect(try await put("acme", "eve@example.org", "Eve", application).status == 403)
        #expect(try await put("acme", "eve@example", "Eve", owner).status == 422)
        for (path, token, status) in [
            ("acme", owner, 200), ("sub", owner, 200), ("acme", sub, 200), ("sub", sub, 200),
            ("acme", stranger, 404), ("acme", application, 403), ("none", owner, 404),
        ] {
            let answer = try await client.get("/v1/accounts/\(path)/contacts", token: token)
            #expect(answer.status == status, "\(path)")
            guard status == 200 else { continue }
            #expect(ids(answer, "email") == ["ann+x@example.org", "bob@example.org"])
            #expect(ids(answer, "name") == ["Ann", "Robert"])
        }
        // The list is all of the parent's that such a key reaches.
        #expect(try await client.get("/v1/accounts/acme", token: sub).status == 404)
        let path = "/v1/accounts/acme/contacts/bob@example.org"
        #expect(try await client.send(.delete, path, token: stranger).status == 404)
        #expect(try await client.send(.delete, path, token: sub).status == 204)
        let gone = try await client.send(.delete, path, token: sub)
        #expect(gone.status == 404 && gone.reason == "unknown-contact")
        let csv = try await client.send(
            .get, "/v1/accounts/acme/contacts", headers: ["Accept": "text/csv"])
        #expect(csv.text.hasPrefix("email,name,at,actor\r\nann+x@example.org,Ann,"))
    }

    // MARK: B13

    @Test("B13: figures and lists are asked for one data centre; the history says where it was")
    func dataCentres() async throws {
        let client = try Client()
        try await client.furnish(codes: 10, assigned: 5)
        _ = try await client.post(
            "/v1/products", ["pk": "west", "name": "W", "account": "acme", "dataCentre": "eu-west"])
        _ = try await client.post(
            "/v1/accounts/acme/assignments",
            ["product": "west", "quantity": 2, "package": "basic"])
        _ = try await client.csv("/v1/products/west/devices", "dk,secret\nd1,s\n")
        let identity = DeviceIdentity(product: ProductKey("west")!, device: DeviceKey("d1")!)
        _ = try await client.controlPlane.submit(
            Command(
                at: client.controlPlane.now, actor: "gateway",
                action: .devices(.activate(identity, confirmsSecret: nil, at: .main)))
        )
        #expect(ids(try await client.get("/v1/products?dataCentre=eu-west"), "pk") == ["west"])
        #expect(ids(try await client.get("/v1/products?dataCentre=main"), "pk") == ["lamp"])
        let west = try await client.get("/v1/products/west").json
        #expect(west["dataCentre"]?.text == "eu-west")
        #expect(west["codes"]?["consumed"]?.integer == 1)
        #expect(try await counted(client, "") == [10, 1, 9, 3])
        #expect(try await counted(client, "?dataCentre=main") == [8, 0, 8, 3])
        #expect(try await counted(client, "?dataCentre=eu-west") == [2, 1, 1, 0])
        let history = try await client.get("/v1/products/west/codes").json["items"]?.array
        #expect(history?.first?["dataCentre"]?.text == "main")
        let events = try await client.get("/v1/events").json["items"]?.array
        let event = events?.first { $0["change"]?.text == "device-activated" }
        #expect(event?["dataCentre"]?.text == "main")
    }

    // MARK: C8

    private func daysByTens(_ client: Client, _ path: String) async throws -> [String] {
        var (found, cursor) = ([String](), "")
        repeat {
            let page = try await client.get("\(path)?limit=10\(cursor)")
            found += ids(page, "day")
            cursor = page.json["cursor"]?.text.map { "&cursor=\($0)" } ?? ""
        } while !cursor.isEmpty
        return found
    }

    @Test("C8: a product's usage day by day, 31 days unless it is asked otherwise, in pages")
    func productUsage() async throws {
        let client = try Client()
        try await client.furnish()
        let path = "/v1/products/lamp/usage"
        let days = ids(try await client.get(path), "day")
        #expect(days.count == 31 && days.first == "2026-10-22" && days.last == "2026-11-21")
        let some = try await client.get("\(path)?from=2026-11-19&to=2026-11-20")
        #expect(ids(some, "day") == ["2026-11-19", "2026-11-20"])
        #expect(some.json["items"]?.array?.first?["used"]?.integer == 3)
        #expect(try await daysByTens(client, path) == days)
        #expect(ids(try await client.get("\(path)?from=2026-11-30"), "day").isEmpty)
        #expect(try await client.get("\(path)?from=2026-02-30").status == 422)
        #expect(try await client.get("\(path)?cursor=abc").reason == "unknown-cursor")
        #expect(try await client.get("/v1/products/none/usage").status == 404)
    }

    @Test("C8: an account's usage is its products' together, and names nodes that did not answer")
    func accountUsage() async throws {
        let client = try Client()
        try await client.furnish()
        let body: JSON = ["pk": "second", "name": "Second", "account": "acme"]
        #expect(try await client.post("/v1/products", body).status == 201)
        let path = "/v1/accounts/acme/usage"
        let days = ids(try await client.get(path), "day")
        #expect(days.count == 31 && days.first == "2026-10-22" && days.last == "2026-11-21")
        let one = try await client.get("\(path)?from=2026-11-19&to=2026-11-19")
        #expect(one.json["items"]?.array?.first?["used"]?.integer == 6)
        #expect(one.json["items"]?.array?.first?["missing"]?.array?.isEmpty == true)
        #expect(try await daysByTens(client, path) == days)
        #expect(try await client.get("\(path)?cursor=abc").reason == "unknown-cursor")
        #expect(try await client.get("/v1/accounts/none/usage").status == 404)
        client.controlPlane.set {
            $0.nodes = [NodeName("n1"), StandInControlPlane.silent].compactMap(\.self)
        }
        let named = try await client.get("\(path)?from=2026-11-21")
        #expect(named.json["items"]?.array?.first?["missing"]?.array?.count == 1)
    }

    @Test("C8: the overview has the messages of today, and none when there were none today")
    func messagesToday() async throws {
        let client = try Client()
        try await client.furnish()
        for (quietDays, messages) in [(0, 1), (1, 0)] as [(Int32, Int)] {
            client.controlPlane.set { $0.quietDays = quietDays }
            let page = try await client.page(
                "/console/accounts/acme", Client.ownerToken.text, language: "en")
            #expect(page.contains("<dt>Messages today</dt><dd>\(messages)</dd>"), "\(quietDays)")
            #expect(page.contains("csv/listAccountUsage"))
        }
    }
}
