import Gateway
import HTTPTypes
import Ledger
import Processes
import Testing

@testable import Admin

/// Who reaches what: all operations, as they are declared, with keys of every role and shape. A new
/// operation is among them without being told.
@Suite("Reach", .serves)
struct ReachTests {
    /// What a key is bound to.
    enum Shape: String, CaseIterable, Sendable {
        case unbound
        case account
        case accountAndProducts
        case productsOnly

        /// Bound to another account than the one that is asked for.
        case stranger
        case strangersProducts
        case strangersProductsOnly

        var account: String? {
            switch self {
            case .unbound, .productsOnly, .strangersProductsOnly: nil
            case .account, .accountAndProducts: "acme"
            case .stranger, .strangersProducts: "other"
            }
        }

        var products: [String]? {
            switch self {
            case .unbound, .account, .stranger: nil
            case .accountAndProducts, .productsOnly: ["lamp"]
            case .strangersProducts, .strangersProductsOnly: ["fan"]
            }
        }

        var reachesAccount: Bool {
            switch self {
            case .unbound, .account, .accountAndProducts: true
            case .productsOnly, .stranger, .strangersProducts, .strangersProductsOnly: false
            }
        }

        var reachesLamp: Bool { reachesAccount || self == .productsOnly }
    }

    private struct Holder {
        let role: KeyRole
        let shape: Shape
        let token: String
    }

    /// "acme" with "lamp" and "chair", "other" with "fan": each with codes and an active device d1.
    private func world() async throws -> Client {
        let client = try Client()
        _ = try await client.post(
            "/v1/packages", ["id": "basic", "name": "Basic", "validityDays": 30])
        for account in ["acme", "other"] {
            _ = try await client.post(
                "/v1/accounts", ["id": .text(account), "name": "A", "kind": "enterprise"])
        }
        for (product, account) in [("lamp", "acme"), ("chair", "acme"), ("fan", "other")] {
            _ = try await client.post(
                "/v1/products",
                ["pk": .text(product), "name": .text(product), "account": .text(account)])
            _ = try await client.post(
                "/v1/accounts/\(account)/purchases",
                ["package": "basic", "quantity": 10, "product": .text(product)])
            _ = try await client.csv("/v1/products/\(product)/devices", "dk,secret\nd1,s\n")
            _ = try await client.post("/v1/products/\(product)/devices/d1/activate", [:])
        }
        return client
    }

    private func holders(_ client: Client) async throws -> [Holder] {
        var holders = [Holder(role: .owner, shape: .unbound, token: Client.ownerToken.text)]
        for role in KeyRole.allCases {
            for shape in Shape.allCases {
                // A sub-account's key is bound to it.
                guard role != .subAccount || shape.account != nil else { continue }
                let body: JSON = [
                    "name": "key", "role": .text(role.name), "account": JSON(shape.account),
                    "products": shape.products.map { .array($0.map { .text($0) }) } ?? .null,
                ]
                let made = try await client.post("/v1/keys", body)
                let token = try #require(made.json["token"]?.text, "\(made.text)")
                holders.append(Holder(role: role, shape: shape, token: token))
            }
        }
        return holders
    }

    /// What stands for each parameter and member: of what is there, or of what is not.
    private func sample(account: String, product: String, device: String = "d1") -> Sample {
        Sample(
            names: [
                "account": account, "pk": product, "product": product, "dk": device,
                "package": "basic",
            ]
        )
    }

    private func send(
        _ route: Route,
        _ client: Client,
        _ sample: Sample,
        _ token: String
    ) async throws -> Client.Answer {
        let body = sample.body(of: route)
        return try await client.send(
            route.method, sample.path(of: route), body?.bytes, type: body?.type ?? "", token: token)
    }

    private func lastEvent(_ client: Client) async throws -> Int64? {
        let events = try await client.get("/v1/events?limit=1000").json["items"]?.array ?? []
        return events.last?["sequence"]?.integer
    }

    /// Whether a request for the operation names an account, in its path or in its body.
    private func names(_ name: String, _ route: Route) -> Bool {
        let members = route.operation.body?.json?.members ?? []
        return route.pathParameters.contains { $0.name == name }
            || members.contains { $0.name == name && $0.isRequired }
            || route.operation.query.contains { $0.name == name && $0.isRequired }
    }

    @Test("what is out of a key's reach is answered, by every operation, like what is not there")
    func outOfReach() async throws {
        let client = try await world()
        let holders = try await holders(client)
        let last = try await lastEvent(client)
        let routes = Routes.all.filter { route in
            route.access.needsToken && ["account", "pk", "product"].contains { names($0, route) }
        }
        #expect(routes.count > 40)
        for holder in holders {
            let asked =
                holder.shape.reachesAccount
                ? (there: sample(account: "other", product: "fan"), names: ["other", "fan"])
                : (there: sample(account: "acme", product: "chair"), names: ["acme", "chair"])
            guard holder.shape != .unbound else { continue }
            for route in routes {
                let absent = sample(account: "nobody", product: "nothing")
                let found = try await send(route, client, asked.there, holder.token)
                let missing = try await send(route, client, absent, holder.token)
                let place = "\(route.operation.id) \(holder.role) \(holder.shape) \(found.text)"
                #expect([403, 404].contains(found.status), "\(place)")
                // The texts differ in the names that were asked for, and in nothing else.
                let first = found.text.replacing(asked.names[0], with: "nobody")
                    .replacing(asked.names[1], with: "nothing")
                #expect(found.status == missing.status && first == missing.text, "\(place)")
            }
        }
        #expect(try await lastEvent(client) == last, "something was changed")
    }

    @Test("a key of products and no account reaches its products, and no account, not even theirs")
    func productsOnly() async throws {
        let client = try await world()
        for holder in try await holders(client) where holder.shape == .productsOnly {
            for route in Routes.all where route.access.needsToken && names("account", route) {
                let answer = try await send(
                    route, client, sample(account: "acme", product: "lamp"), holder.token)
                let place = "\(route.operation.id) \(holder.role) \(answer.status) \(answer.text)"
                #expect([403, 404].contains(answer.status), "\(place)")
            }
            for route in Routes.all
            where route.method == .get && route.pathParameters.map(\.name) == ["pk"]
                && route.operation.id != "followPresence"
            {
                let answer = try await send(
                    route, client, sample(account: "acme", product: "lamp"), holder.token)
                let isForManagers = holder.role == .application && route.access == .managers
                #expect(
                    answer.status == (isForManagers ? 403 : 200),
                    "\(route.operation.id) \(answer.text)")
            }
            let list = try await client.get("/v1/products", token: holder.token)
            #expect(list.json["items"]?.array?.compactMap { $0["pk"]?.text } == ["lamp"])
        }
    }

    @Test("no list shows a key what is bound to a product that it does not reach")
    func lists() async throws {
        let client = try await world()
        let holders = try await holders(client)
        let named = sample(account: "acme", product: "lamp")
        for route in Routes.all where route.access.needsToken && route.method == .get {
            for holder in holders where holder.shape.products == ["lamp"] {
                let answer = try await send(route, client, named, holder.token)
                let place = "\(route.operation.id) \(holder.role) \(holder.shape)"
                #expect(!answer.text.contains("chair"), "\(place) \(answer.text)")
                #expect(!answer.text.contains("fan"), "\(place) \(answer.text)")
            }
        }
    }

    @Test("a key of products assigns and buys for no other product, and makes none")
    func otherProducts() async throws {
        let client = try await world()
        for holder in try await holders(client) where holder.shape == .accountAndProducts {
            guard holder.role != .application else { continue }
            let last = try await lastEvent(client)
            let bodies: [(String, JSON)] = [
                ("/v1/accounts/acme/purchases", ["package": "basic", "quantity": 1]),
                ("/v1/accounts/acme/assignments", ["package": "basic", "quantity": 1]),
            ]
            for (path, body) in bodies {
                for product in ["chair", "fan", "nothing"] {
                    let body = body.adding("product", .text(product))
                    let answer = try await client.send(.post, path, body.bytes, token: holder.token)
                    if answer.status == 403, holder.role == .subAccount { continue }
                    #expect(answer.reason == "unknown-product", "\(path) \(answer.text)")
                }
            }
            let body: JSON = ["pk": "more", "name": "More", "account": "acme"]
            let made = try await client.send(
                .post, "/v1/products", body.bytes, token: holder.token)
            #expect(made.status == 403, "\(made.text)")
            #expect(try await lastEvent(client) == last)
        }
    }
}
