import Gateway
import HTTPTypes
import Ledger
import Processes
import Testing

@testable import Admin

/// The examples of the API's document, and its page for people.
@Suite("Examples and the page of the API", .serves)
struct ExampleTests {
    /// What has no text that could be shown.
    private static let without: Set = ["application/octet-stream", "text/html"]

    @Test("each request and each answer has an example that its schema takes")
    func valid() throws {
        for route in Routes.all {
            let contents =
                route.operation.answers.flatMap(\.contents)
                + (route.operation.body?.contents ?? [])
            for content in contents where !Self.without.contains(content.type) {
                let example = try #require(
                    content.example(of: route), "\(route.operation.id) \(content.type)")
                guard content.type == "application/json" else { continue }
                #expect(throws: Never.self, "\(route.operation.id)") {
                    try content.schema.check(example)
                }
            }
            let parameters =
                route.pathParameters.map { ($0.name, $0.schema) }
                + (route.operation.query + route.headers).map { ($0.name, $0.schema) }
            for (name, schema) in parameters {
                let example = Example(of: route).value(of: schema, named: name)
                #expect(throws: Never.self, "\(route.operation.id) \(name)") {
                    try schema.check(example)
                }
            }
        }
    }

    /// Requests about what only a cluster, a connection, or something older has.
    private static let refused: [String: String] = [
        "reportUpgrade": "unknown-upgrade", "showUpgrade": "unknown-upgrade",
        "upgradePackage": "allowance-lowered", "showImport": "unknown-import",
        "showBackup": "unknown-backup", "startBackup": "backup-directory",
        "voidPurchase": "unknown-purchase", "voidAssignment": "unknown-assignment",
        "voidTopUp": "unknown-top-up", "removeNode": "not-clustered",
        "makeCheckpoint": "not-clustered", "showCluster": "not-clustered",
        "showNodeFigures": "not-clustered",
        "showDigests": "not-clustered", "takeSnapshot": "not-clustered",
        "showConnection": "not-connected", "endConnection": "not-connected",
        "sendMessage": "not-connected", "redeliver": "unknown-delivery",
        "showAuthority": "unknown-authority", "updateAuthority": "unknown-authority",
        "removeAuthority": "unknown-authority", "registerAuthority": "authority-not-usable",
        "setRevocationList": "unknown-authority", "setAuthorityRules": "unknown-authority",
        "setAuthorityPinning": "unknown-authority",
        "changeState": "state-version-mismatch", "setState": "state-version-mismatch",
        "createCampaign": "firmware-not-offered", "showCampaign": "unknown-campaign",
        "listCampaignDevices": "unknown-campaign",
        "pauseCampaign": "unknown-campaign", "resumeCampaign": "unknown-campaign",
        "stopCampaign": "unknown-campaign", "uploadFirmware": "firmware-not-offered",
        "showFirmware": "unknown-firmware", "deleteFirmware": "unknown-firmware",
        "offerFirmware": "firmware-not-offered", "showFirmwareOffer": "unknown-upgrade",
        "downloadFirmware": "firmware-link-ended",
        "retryNotification": "unknown-notification", "testAlertMail": "mail-not-configured",
    ]

    @Test("a gateway that has what the examples name takes each example of a request")
    func live() async throws {
        let streams: Set = ["traceDevice", "followPresence"]
        for route in Routes.all where !streams.contains(route.operation.id) {
            let example = Example(of: route)
            // What the operation before has deleted or disabled, or what it makes, is not in its way.
            let (client, key, webhook) = try await Self.world(for: route.operation.id)
            var path = route.path
            for parameter in route.pathParameters {
                let value = example.value(of: parameter.schema, named: parameter.name)
                path = path.replacing(":\(parameter.name)", with: value.text ?? "1")
            }
            path = path.replacing("keyAbC123", with: key)
            path = path.replacing("whAbC123", with: webhook)
            let query = route.operation.query
                .filter {
                    $0.name != "cursor" && $0.name != "after" && $0.name != "dataCentre"
                        && $0.name != "node"
                }
                .map { parameter in
                    let value = example.value(of: parameter.schema, named: parameter.name)
                    let text = value.text ?? String(decoding: value.bytes, as: UTF8.self)
                    return "\(parameter.name)=\(text.replacing("=", with: "%3D"))"
                }
            if !query.isEmpty { path += "?" + query.joined(separator: "&") }
            let content = route.operation.body?.contents.first
            let body = content?.example(of: route).map {
                $0.text.map { Array($0.utf8) } ?? $0.bytes
            }
            let answer = try await client.send(
                route.method, path, body, type: content?.type ?? "")
            let place = "\(route.operation.id) \(path) \(answer.text.prefix(300))"
            #expect(answer.reason != "invalid-request" && answer.status != 415, "\(place)")
            if answer.status >= 300 {
                #expect(answer.reason == Self.refused[route.operation.id], "\(place)")
            }
        }
    }

    /// What the examples name, but for what the operation itself makes.
    private static func world(
        for operation: String
    ) async throws -> (client: Client, key: String, webhook: String) {
        let client = try Client()
        let steps = [
            "createAccount": 0, "createPackage": 1, "createProduct": 2, "importDevices": 3,
        ]
        let count = steps[operation] ?? 4
        let acme = "/v1/accounts/acme"
        if count > 0 {
            _ = try await client.post(
                "/v1/accounts", ["id": "acme", "name": "Acme", "kind": "individual"])
            let contact: JSON = ["name": "Ann"]
            _ = try await client.send(.put, "\(acme)/contacts/ann@example.org", contact.bytes)
        }
        if count > 1 {
            _ = try await client.post(
                "/v1/packages", ["id": "basic", "name": "Basic", "validityDays": 30])
            _ = try await client.post(
                "\(acme)/purchases", ["package": "basic", "quantity": 200])
        }
        if count > 2 {
            _ = try await client.post(
                "/v1/products", ["pk": "lamp", "name": "Lamp", "account": "acme"])
            _ = try await client.post(
                "\(acme)/assignments", ["product": "lamp", "package": "basic", "quantity": 5])
        }
        if count > 3 {
            _ = try await client.csv(
                "/v1/products/lamp/devices", "dk,secret\nlamp-1,\nlamp-2,\n")
            if operation != "activateDevice" {
                _ = try await client.post("/v1/products/lamp/devices/lamp-1/activate", [:])
            }
        }
        let key = try await client.post("/v1/keys", ["name": "K", "role": "application"])
        if operation == "removeTokenKey" {
            let key =
                "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}"
            _ = try await client.post(
                "/v1/products/lamp/token-keys", ["id": "2027-01", "key": .text(key)])
        }
        let webhook = try await client.post(
            "/v1/webhooks", ["name": "W", "url": "https://example.org/tollgate"])
        return (client, key.json["id"]?.text ?? "", webhook.json["id"]?.text ?? "")
    }

    @Test("the page has every operation and problem, and every link on it leads somewhere")
    func page() async throws {
        let client = try Client()
        let answer = try await client.get("/docs", token: nil)
        #expect(answer.status == 200)
        #expect(answer.headers[.contentType] == "text/html; charset=utf-8")
        let text = answer.text
        let ids = Self.values(of: "id", in: text)
        #expect(Set(ids).count == ids.count)
        for route in Routes.all { #expect(ids.contains(route.operation.id)) }
        for reason in Set(Routes.all.flatMap { $0.problems.flatMap(\.reasons) }) {
            #expect(ids.contains("reason-\(reason.name)"))
        }
        let links = Set(Self.values(of: "href", in: text))
        for link in links where link != "/openapi.json" {
            #expect(link.first == "#" && ids.contains(String(link.dropFirst())), "\(link)")
        }
        // Phones, and both colour schemes.
        #expect(text.contains("width=device-width") && text.contains("prefers-color-scheme:dark"))
    }

    @Test("the page loads nothing from anywhere, and runs nothing but its own script")
    func policy() async throws {
        let client = try Client()
        let answer = try await client.get("/docs", token: nil)
        let name = try #require(HTTPField.Name("Content-Security-Policy"))
        let policy = try #require(answer.headers[name])
        #expect(policy.hasPrefix("default-src 'none'; style-src 'sha256-"))
        #expect(!policy.contains("unsafe") && !policy.contains("http"))
        for attribute in ["src", "style", "onclick", "onload", "action", "srcset"] {
            #expect(Self.values(of: attribute, in: answer.text).isEmpty, "\(attribute)")
        }
        for tag in ["<link", "<img", "<iframe", "<form", "@import", "url("] {
            #expect(!answer.text.contains(tag), "\(tag)")
        }
        #expect(answer.text.components(by: "<script>") == 2)
        #expect(answer.text.components(by: "<style>") == 2)
    }

    private static func values(of attribute: String, in text: String) -> [String] {
        text.split(separator: " \(attribute)=\"", omittingEmptySubsequences: false).dropFirst()
            .map { String($0.prefix { $0 != "\"" }) }
    }
}

extension String {
    fileprivate func components(by text: String) -> Int {
        split(separator: text, omittingEmptySubsequences: false).count
    }
}
