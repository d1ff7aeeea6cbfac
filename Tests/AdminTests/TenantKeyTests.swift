import Gateway
import HTTPTypes
import Ledger
import Processes
import Testing

@testable import Admin

/// Tenants and their own keys and events.
@Suite("Tenants' keys and events", .serves)
struct TenantKeyTests {
    /// "acme" with the sub-account "low" and the product "lamp", "other" with "fan".
    private func world() async throws -> Client {
        let client = try Client()
        try await client.furnish()
        for body: JSON in [
            ["id": "low", "name": "Low", "kind": "enterprise", "parent": "acme"],
            ["id": "other", "name": "Other", "kind": "individual"],
        ] { #expect(try await client.post("/v1/accounts", body).status == 201) }
        _ = try await client.post("/v1/products", ["pk": "fan", "name": "F", "account": "other"])
        _ = try await client.post("/v1/products", ["pk": "bulb", "name": "B", "account": "low"])
        return client
    }

    private func made(
        _ client: Client, _ role: KeyRole, _ account: String?, products: [String]? = nil,
        by token: String = Client.ownerToken.text
    ) async throws -> Client.Answer {
        let body: JSON = [
            "name": "Key", "role": .text(role.name), "account": JSON(account),
            "products": products.map { .array($0.map { .text($0) }) } ?? .null,
        ]
        return try await client.send(.post, "/v1/keys", body.bytes, token: token)
    }

    /// Its id and token.
    private func key(
        _ client: Client, _ role: KeyRole, _ account: String?, products: [String]? = nil
    ) async throws -> (id: String, token: String) {
        let answer = try await made(client, role, account, products: products)
        return (
            try #require(answer.json["id"]?.text, "\(answer.text)"),
            try #require(answer.json["token"]?.text)
        )
    }

    private func ids(_ client: Client, _ query: String, by token: String) async throws -> Set<
        String
    > {
        let answer = try await client.get("/v1/keys\(query)", token: token)
        #expect(answer.status == 200, "\(answer.text)")
        return Set(answer.json["items"]?.array?.compactMap { $0["id"]?.text } ?? [])
    }

    @Test(
        "who is bound to an account sees the keys of that account and its sub-accounts, and no others",
        arguments: [KeyRole.owner, .operator, .subAccount])
    func lists(_ role: KeyRole) async throws {
        let client = try await world()
        let own = try await key(client, role, "acme")
        let app = try await key(client, .application, "acme", products: ["lamp"])
        let below = try await key(client, .subAccount, "low")
        let strangers = [
            try await key(client, .application, "other"), try await key(client, .operator, nil),
            try await key(client, .application, nil, products: ["lamp"]),
        ]
        #expect(try await ids(client, "", by: own.token) == [own.id, app.id, below.id])
        #expect(try await ids(client, "?account=low", by: own.token) == [below.id])
        #expect(try await ids(client, "?account=other", by: own.token) == [])
        #expect(try await ids(client, "", by: below.token) == [below.id])
        #expect(try await ids(client, "?account=acme", by: below.token) == [])
        for id in [app.id, below.id] {
            let shown = try await client.get("/v1/keys/\(id)", token: own.token)
            #expect(shown.status == 200 && shown.json["secret"] == nil)
        }
        // Guessed ids are answered like those that were never made.
        for path in strangers.map(\.id) + ["keyNeverMade00"] {
            for answer in [
                try await client.get("/v1/keys/\(path)", token: own.token),
                try await client.send(.post, "/v1/keys/\(path)/revoke", token: own.token),
            ] {
                #expect(answer.status == 404 && answer.reason == "unknown-key", "\(answer.text)")
                #expect(answer.json["detail"]?.text == "there is no key \(path)")
            }
        }
        for stranger in strangers {
            let shown = try await client.get("/v1/keys/\(stranger.id)")
            #expect(shown.json["revokedAt"] == .null)
        }
        let above = try await client.get("/v1/keys/\(own.id)", token: below.token)
        #expect(above.reason == "unknown-key")
    }

    @Test("who is bound to an account makes and revokes keys of it that do no more than its own")
    func makes() async throws {
        let client = try await world()
        let allowed: [KeyRole: Set<KeyRole>] = [
            .owner: [.owner, .operator, .subAccount, .application],
            .operator: [.subAccount, .application], .subAccount: [.subAccount, .application],
            .application: [],
        ]
        for role in KeyRole.allCases {
            let maker = try await key(client, role, "acme")
            for wanted in KeyRole.allCases {
                for account in ["acme", "low"] {
                    let answer = try await made(client, wanted, account, by: maker.token)
                    let isAllowed = allowed[role]?.contains(wanted) == true
                    #expect(answer.status == (isAllowed ? 201 : 403), "\(role) \(answer.text)")
                    guard let id = answer.json["id"]?.text, let token = answer.json["token"]?.text
                    else { continue }
                    #expect(answer.json["account"]?.text == account)
                    let seen = try await client.get("/v1/accounts/\(account)", token: token)
                    #expect(seen.status == 200)
                    let revoked = try await client.send(
                        .post, "/v1/keys/\(id)/revoke", token: maker.token)
                    #expect(revoked.status == 200, "\(revoked.text)")
                    let after = try await client.get("/v1/accounts/\(account)", token: token)
                    #expect(after.status == 401)
                }
            }
        }
    }

    @Test("no key reaches more than the one that made it")
    func reach() async throws {
        let client = try await world()
        let last = { try await client.get("/v1/events?limit=1000").json["items"]?.array?.count }
        for role in [KeyRole.owner, .operator, .subAccount] {
            let maker = try await key(client, role, "acme")
            let below = try await key(client, role, "low")
            let narrow = try await key(client, role, "acme", products: ["lamp"])
            let before = try await last()
            let cases: [(String, String?, [String]?, Int, String)] = [
                (maker.token, nil, nil, 403, "forbidden"),
                (maker.token, nil, ["lamp"], 403, "forbidden"),
                (maker.token, "other", nil, 404, "unknown-account"),
                (maker.token, "nobody", nil, 404, "unknown-account"),
                (maker.token, "acme", ["fan"], 404, "unknown-product"),
                (maker.token, "acme", ["lamp", "nothing"], 404, "unknown-product"),
                (below.token, "acme", nil, 404, "unknown-account"),
                (below.token, "low", ["lamp"], 404, "unknown-product"),
                // Of products: it would make one that reaches the others.
                (narrow.token, "acme", nil, 403, "forbidden"),
                (narrow.token, "acme", ["lamp"], 403, "forbidden"),
            ]
            for (token, account, products, status, reason) in cases {
                let answer = try await made(
                    client, .application, account, products: products, by: token)
                #expect(answer.status == status, "\(answer.text)")
                #expect(answer.reason == reason, "\(answer.text)")
            }
            #expect(try await client.get("/v1/keys", token: narrow.token).status == 403)
            #expect(try await last() == before)
            // An operator's key is the owner's to revoke, a tenant's own ones too.
            let ops = try await key(client, .operator, "acme")
            let revoked = try await client.send(
                .post, "/v1/keys/\(ops.id)/revoke", token: maker.token)
            #expect(revoked.status == (role == .owner ? 200 : 403))
        }
        let fitting = try await made(
            client, .application, "low", products: ["bulb"],
            by: try await key(client, .subAccount, "low").token)
        #expect(fitting.status == 201, "\(fitting.text)")
    }

    private func changes(_ client: Client, by token: String) async throws -> [String] {
        var found: [String] = []
        var path = "/v1/events?limit=3"
        while true {
            let answer = try await client.get(path, token: token)
            #expect(answer.status == 200, "\(answer.text)")
            for event in answer.json["items"]?.array ?? [] {
                let subject = ["product", "pk", "account", "key"].lazy.compactMap {
                    event[$0]?.text
                }
                found.append("\(event["change"]?.text ?? "") \(subject.first ?? "")")
            }
            guard let cursor = answer.json["cursor"]?.text else { return found }
            path = "/v1/events?limit=3&cursor=\(cursor)"
        }
    }

    @Test("E3: who is bound to an account reads its events, and none of the gateway or of others")
    func events() async throws {
        let client = try await world()
        let key = { (account: String?, products: [String]?) in
            try await self.key(client, .operator, account, products: products)
        }
        let acme = try await key("acme", nil)
        let low = try await key("low", nil)
        let other = try await key("other", nil)
        let lamp = try await key("acme", ["lamp"])
        let fan = try await key(nil, ["fan"])
        _ = try await client.csv("/v1/products/lamp/devices", "dk,secret\nd1,s\n")
        _ = try await client.post("/v1/products/lamp/devices/d1/activate", [:])
        _ = try await client.post(
            "/v1/accounts/acme/topups",
            ["kind": "messages", "quantity": 9, "expiresAt": "2100-01-01"])
        let contact: JSON = ["name": "A"]
        _ = try await client.send(.put, "/v1/accounts/other/contacts/a@b.example", contact.bytes)
        _ = try await client.send(.post, "/v1/keys/\(other.id)/revoke")
        _ = try await client.send(.delete, "/v1/products/bulb")
        let ofLamp = [
            "product-created lamp", "codes-assigned lamp", "devices-imported lamp",
            "device-activated lamp",
        ]
        #expect(
            try await changes(client, by: acme.token) == [
                "account-created acme", "codes-bought acme", "product-created lamp",
                "codes-assigned lamp", "account-created low", "product-created bulb",
                "key-created \(acme.id)", "key-created \(low.id)", "key-created \(lamp.id)",
                "devices-imported lamp", "device-activated lamp", "top-up-bought acme",
                "product-deleted bulb",
            ])
        #expect(
            try await changes(client, by: low.token) == [
                "account-created low", "product-created bulb", "key-created \(low.id)",
                "product-deleted bulb",
            ])
        #expect(try await changes(client, by: lamp.token) == ofLamp)
        #expect(try await changes(client, by: fan.token) == ["product-created fan"])
        let all = try await changes(client, by: Client.ownerToken.text)
        #expect(all.contains("package-created ") && all.contains("contact-put other"))
        #expect(all.count == 20, "\(all)")
        let application = try await self.key(client, .application, "acme")
        #expect(try await client.get("/v1/events", token: application.token).status == 403)
    }

    @Test("one tenant's streams are a quarter of all at most, and what they end makes room")
    func slots() {
        let slots = StreamSlots(maximum: 8)
        var held = [slots.slot(for: "acme"), slots.slot(for: "acme")]
        #expect(held.allSatisfy { $0 != nil })
        let third = slots.slot(for: "acme")
        let others = (0..<6).map { _ in slots.slot() }
        let ninth = slots.slot()
        #expect(third == nil && others.allSatisfy { $0 != nil } && ninth == nil)
        held.removeLast()
        let again = slots.slot(for: "acme")
        #expect(again != nil && held.count == 1)
        let single = StreamSlots(maximum: 1).slot(for: "acme")
        #expect(single != nil)
    }
}
