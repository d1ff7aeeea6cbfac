import Gateway
import HTTPTypes
import Ledger
import Processes
import Testing

@testable import Admin

/// Goes through all operations, as they are declared, with keys of all roles.
@Suite("Roles", .serves)
struct RolesTests {
    /// What belongs to the account that nobody else may see: names that occur nowhere else.
    private static let account = "acme-7"
    private static let product = "lampx93"
    private static let device = "device-x31"
    private static let marks = [account, product, device, "Acme of the north"]

    /// Two accounts that know nothing of each other, each with a product, codes and an active device.
    private func world() async throws -> (client: Client, sample: Sample) {
        let client = try Client()
        _ = try await client.post(
            "/v1/packages", ["id": "basic", "name": "Basic", "validityDays": 30])
        for (account, product, device, name) in [
            (Self.account, Self.product, Self.device, "Acme of the north"),
            ("other", "fan", "d1", "Other"),
        ] {
            let accountBody: JSON = [
                "id": .text(account), "name": .text(name), "kind": "enterprise",
            ]
            _ = try await client.post("/v1/accounts", accountBody)
            let productBody: JSON = [
                "pk": .text(product), "name": .text(name), "account": .text(account),
            ]
            _ = try await client.post("/v1/products", productBody)
            let purchase: JSON = ["package": "basic", "quantity": 10, "product": .text(product)]
            _ = try await client.post("/v1/accounts/\(account)/purchases", purchase)
            let devices = "/v1/products/\(product)/devices"
            _ = try await client.csv(devices, "dk,secret\n\(device),s\n")
            _ = try await client.post("\(devices)/\(device)/activate", [:])
        }
        let own = try await key(client, "operator", account: Self.account)
        let names = [
            "account": Self.account, "pk": Self.product, "product": Self.product,
            "dk": Self.device, "device": Self.device, "package": "basic",
            "key": String(own.prefix { $0 != "." }),
        ]
        return (client, Sample(names: names))
    }

    /// A token.
    private func key(
        _ client: Client,
        _ role: String,
        account: String?,
        products: [String]? = nil
    ) async throws -> String {
        let body: JSON = [
            "name": "key", "role": .text(role), "account": JSON(account),
            "products": products.map { .array($0.map { .text($0) }) } ?? .null,
        ]
        return try #require(try await client.post("/v1/keys", body).json["token"]?.text)
    }

    private func send(
        _ route: Route,
        _ client: Client,
        _ sample: Sample,
        token: String?,
        withQuery: Bool = false
    ) async throws -> Client.Answer {
        let body = sample.body(of: route)
        return try await client.send(
            route.method, sample.path(of: route, withQuery: withQuery), body?.bytes,
            type: body?.type ?? "", token: token)
    }

    @Test("without a token, or with a wrong one, nothing but what is open answers: 401")
    func tokens() async throws {
        let (client, sample) = try await world()
        #expect(
            Routes.all.filter { !$0.access.needsToken }.map(\.path)
                == [
                    "/v1/firmware/:link", "/healthz", "/readyz", "/metrics", "/openapi.json",
                    "/docs",
                ]
        )
        for route in Routes.all {
            for token in [nil, "", "x", "key.secret", Client.ownerToken.text + "x"] {
                let answer = try await send(route, client, sample, token: token)
                #expect((answer.status == 401) == route.access.needsToken, "\(route.operation.id)")
            }
        }
    }

    @Test(
        "a key never sees or changes another account's data, its parent's neither, whatever its role",
        arguments: KeyRole.allCases
    )
    func accounts(_ role: KeyRole) async throws {
        let (client, sample) = try await world()
        let child: JSON = [
            "id": "child", "name": "Child", "kind": "enterprise", "parent": .text(Self.account),
        ]
        _ = try await client.post("/v1/accounts", child)
        let tokens = [
            try await key(client, role.name, account: "other"),
            try await key(client, role.name, account: "other", products: ["fan"]),
            try await key(client, role.name, account: "child"),
        ]
        let last = try await lastEvent(client)
        for route in Routes.all where route.access.needsToken {
            for (token, withQuery) in tokens.flatMap({ [($0, false), ($0, true)] }) {
                // Rule E1: sub-accounts edit the contacts they have in common with their parent.
                if token == tokens[2], route.path.contains("/contacts") { continue }
                let answer = try await send(
                    route, client, sample, token: token, withQuery: withQuery)
                let place = "\(route.operation.id) \(answer.status) \(answer.text)"
                let namesIt = route.pathParameters.contains { $0.name != "package" }
                if namesIt || route.method != .get {
                    #expect([403, 404].contains(answer.status), "\(place)")
                }
                // What the caller asked for by name may be named in the refusal.
                guard answer.status < 300 else { continue }
                // A sub-account is shown whose it is.
                let marks =
                    token == tokens[2] ? Self.marks.filter { $0 != Self.account } : Self.marks
                for mark in marks { #expect(!answer.text.contains(mark), "\(place)") }
            }
        }
        #expect(try await lastEvent(client) == last, "something was changed")
    }

    @Test(
        "a key of some products sees no other product of its account", arguments: KeyRole.allCases)
    func products(_ role: KeyRole) async throws {
        let (client, sample) = try await world()
        let body: JSON = ["pk": "mine", "name": "Mine", "account": .text(Self.account)]
        _ = try await client.post("/v1/products", body)
        let token = try await key(client, role.name, account: Self.account, products: ["mine"])
        for route in Routes.all where route.pathParameters.contains(where: { $0.name == "pk" }) {
            let answer = try await send(route, client, sample, token: token)
            #expect([403, 404].contains(answer.status), "\(route.operation.id) \(answer.status)")
        }
        for path in ["/v1/products", "/v1/near-expiry"] {
            let answer = try await client.get(path, token: token)
            #expect(!answer.text.contains(Self.product), "\(path)")
        }
    }

    @Test("tenants raise no allowance: what they may do is listed")
    func access() async throws {
        let (client, sample) = try await world()
        let report = try ClusterTests.report()
        client.controlPlane.set { state in
            state.cluster = report
            state.nodes = [report.node]
        }
        let application = try await key(client, "application", account: Self.account)
        let bound = try await key(client, "operator", account: Self.account)
        let unbound = try await key(client, "operator", account: nil)
        for route in Routes.all where route.access.needsToken {
            let id = route.operation.id
            if route.method != .get, !Self.forApplications.contains(id) {
                let answer = try await send(route, client, sample, token: application)
                #expect(answer.status == 403, "\(id)")
            }
            let isGlobal = route.access == .gateway
            #expect(isGlobal == Self.global.contains(id), "\(id)")
            #expect((route.access == .owner) == Self.forOwners.contains(id), "\(id)")
            if route.access == .owner {
                for token in [application, bound, unbound] {
                    #expect(
                        try await send(route, client, sample, token: token).status == 403, "\(id)")
                }
            }
            guard isGlobal, route.method == .get else { continue }
            #expect(try await send(route, client, sample, token: bound).status == 403, "\(id)")
            #expect(try await send(route, client, sample, token: unbound).status == 200, "\(id)")
        }
    }

    @Test("tenants raise no allowance: what they may do is listed, all else is an operator's")
    func tenants() async throws {
        let (client, sample) = try await world()
        let tenant = try await key(client, "sub-account", account: Self.account)
        let changes = Routes.all.filter { $0.method != .get && $0.access.needsToken }
        for route in changes where !Self.forTenants.contains(route.operation.id) {
            let answer = try await send(route, client, sample, token: tenant)
            #expect(answer.status == 403, "\(route.operation.id)")
        }
        #expect(Self.forTenants.isSubset(of: changes.map(\.operation.id)))
        let named: JSON = ["account": .text(Self.account), "name": "N", "package": "basic"]
        let refused = try await client.send(
            .post, "/v1/products", named.bytes, type: "application/json", token: tenant)
        #expect(refused.status == 403)
    }

    /// What tenants may do: nothing that gives them more than was bought.
    private static let forTenants: Set<String> = [
        "updateAccount", "putContact", "removeContact", "assignCodes", "endConnection",
        "disableDevice", "enableDevice", "activateDevice", "resetSecret", "setDeviceRenewal",
        "deleteDevice", "sendMessage", "importDevices", "requestUpgrade", "reportUpgrade",
        "setDialect", "endDialect", "setProductLimits", "endProductLimits", "setDeviceLimits",
        "endDeviceLimits", "rotateProductSecret", "revokeProductSecret", "createProduct",
        "updateProduct", "addTokenKey", "removeTokenKey", "changeState", "setState", "countState",
        "deleteProduct", "deleteMessages", "createKey", "revokeKey", "renameKey", "renameDevice",
        "changeDevices", "createWebhook", "updateWebhook", "rotateWebhookSecret", "deleteWebhook",
        "registerAuthority", "updateAuthority", "removeAuthority", "setRevocationList",
        "setAuthorityRules", "setAuthorityPinning", "setPins",
        "testWebhook", "redeliver", "setAlertRule", "resetAlertRule", "setAlertLanguage",
        "retryNotification",
        "updateAccountMetadata", "updateProductMetadata", "updateDeviceMetadata",
        "uploadFirmware", "deleteFirmware", "offerFirmware", "createCampaign", "pauseCampaign",
        "resumeCampaign", "stopCampaign",
    ]

    /// What applications may do besides reading.
    private static let forApplications: Set<String> = [
        "requestUpgrade", "reportUpgrade", "sendMessage", "changeState", "setState",
        "offerFirmware",
    ]

    /// What is done on the gateway's own machine.
    private static let forOwners: Set<String> = [
        "listBackups", "showBackup", "startBackup", "voidPurchase", "voidAssignment",
        "voidTopUp", "voidActivation", "moveEntitlement",
        "takeSnapshot", "removeNode",
    ]

    /// What needs a key that is not bound to an account.
    private static let global: Set<String> = [
        "listAccounts", "createAccount", "certifyAccount", "createPackage", "renamePackage",
        "checkBooks",
        "showClock", "confirmClock", "listSettings",
        "showCluster", "showNodeFigures", "makeCheckpoint", "showDigests", "listConnections",
        "testAlertMail", "setUncountedTopics",
    ]

    private func lastEvent(_ client: Client) async throws -> Int64? {
        let events = try await client.get("/v1/events?limit=1000").json["items"]?.array ?? []
        return events.last?["sequence"]?.integer
    }
}
