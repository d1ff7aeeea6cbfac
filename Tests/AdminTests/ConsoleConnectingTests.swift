import HTTPTypes
import Ledger
import Processes
import Testing
import Time

@testable import Admin
@testable import Gateway

/// The console's pages of authorities, topics, proofs, keys of tokens, and devices' states.
@Suite("Console: how devices connect, and their states", .serves)
struct ConsoleConnectingTests {
    private func client() async throws -> Client {
        let client = try Client()
        try await client.furnish()
        return client
    }

    /// A key of an application of `acme`.
    private func reader(of client: Client) async throws -> String {
        let made = try await client.post(
            "/v1/keys", ["name": "reader", "role": "application", "account": "acme"])
        return try #require(made.json["token"]?.text)
    }

    @Test("an authority is registered, disabled, enabled and removed; its name is typed first")
    func authorities() async throws {
        let client = try await client()
        let owner = try await Visitor(client)
        let path = "accounts/acme/authorities"
        #expect(try await owner.page(path).text.contains("<code>\(SampleAuthority.code)</code>"))
        let made = try await owner.send(
            "registerAuthority",
            [
                "p.account": "acme", "name": "Factory",
                "certificate": SampleAuthority.certificate.replacing("\n", with: "\r\n"),
                "proof": SampleAuthority.proof,
            ], on: path)
        #expect(made.status == 303, "\(made.text)")
        #expect(try await owner.page(path).text.contains("CN=Acme factory 1"))
        let one = ["p.account": "acme", "p.authority": SampleAuthority.id]
        for (on, word) in [("false", ">Off<"), ("true", ">On<")] {
            let turned = try await owner.send(
                "updateAuthority",
                [
                    "p.account": "acme", "p.authority": SampleAuthority.id, "on": on,
                ], on: path)
            #expect(turned.status == 303)
            #expect(try await owner.page(path).text.contains(word), "\(on)")
        }
        let ruled = try await owner.send(
            "setAuthorityRules",
            [
                "p.account": "acme", "p.authority": SampleAuthority.id, "pattern": "cn:${dk}",
                "product": "lamp", "registersDevices": "true",
            ], on: path)
        #expect(ruled.status == 303, "\(ruled.text)")
        let pinned = try await owner.send(
            "setAuthorityPinning",
            ["p.account": "acme", "p.authority": SampleAuthority.id, "pinning": "listed"],
            on: path)
        #expect(pinned.status == 303, "\(pinned.text)")
        let page = try await owner.page(path).text
        #expect(page.contains("<code>cn:${dk}</code>") && page.contains("Those in its list"))
        // Its certificate ends; it lets none in, though it is on.
        let now = client.controlPlane.now
        client.controlPlane.set { $0.now = Timestamp("2099-06-01T00:00:00Z")! }
        #expect(try await owner.page(path).text.contains(">Expired<"))
        client.controlPlane.set { $0.now = now }
        for (typed, status) in [("Factory 2", 422), ("Factory", 303)] {
            let removed = try await owner.send(
                "removeAuthority",
                [
                    "p.account": one["p.account"]!, "p.authority": one["p.authority"]!,
                    "_expected": "Factory", "_typed": typed,
                ], on: path)
            #expect(removed.status == status)
        }
        #expect(try await !owner.page(path).text.contains("CN=Acme factory 1"))
    }

    @Test(
        "why an authority is not registered is said at its field, and who may not, sees none",
        arguments: [("en", "proof: the proof"), ("zh", "该证书不能注册为 CA")])
    func authorityRefused(language: String, words: String) async throws {
        let client = try await client()
        let owner = try await Visitor(client, language: language)
        let path = "accounts/acme/authorities"
        let refused = try await owner.send(
            "registerAuthority",
            [
                "p.account": "acme", "name": "Factory",
                "certificate": SampleAuthority.certificate, "proof": SampleAuthority.proofOfNone,
            ], on: path, as: "registerAuthority:acme")
        #expect(refused.status == 409)
        #expect(refused.text.contains(words))
        #expect(refused.text.contains("id=\"registerAuthority:acme-proof-fault\""))
        #expect(!refused.text.contains("id=\"registerAuthority:acme-certificate-fault\""))
        let reader = try await Visitor(client, try await reader(of: client))
        #expect(try await reader.page(path).status == 403)
        #expect(try await !reader.page("accounts/acme").text.contains("Authorities"))
    }

    @Test(
        "topics and proofs of a product: boxes, patterns a line each, and at the field what is wrong with which",
        arguments: [
            (
                "en", "a/#/b: # stands alone in the last level; c+: + stands alone in its level",
                "(weak)"
            ),
            ("zh", "a/#/b: # 只能单独位于最后一层; c+: + 只能单独占一层", "(弱)"),
        ])
    func dialects(language: String, faults: String, weak: String) async throws {
        let client = try await client()
        let owner = try await Visitor(client, language: language)
        let path = "products/lamp/connecting"
        #expect(try await owner.page(path).text.contains("plain \(weak)"))
        let wrong = try await owner.send(
            "setDialect",
            [
                "p.pk": "lamp", "proofs": "", "proofs": "jwt", "up": "ok\na/#/b\nc+",
                "down": "x, y/${dk}",
            ], on: path, as: "setDialect:lamp")
        #expect(wrong.status == 409)
        #expect(wrong.text.contains("id=\"setDialect:lamp-up-fault\">\(faults)</small>"))
        #expect(!wrong.text.contains("id=\"setDialect:lamp-down-fault\""))
        #expect(wrong.text.contains("value=\"jwt\" checked"))
        let set = try await owner.send(
            "setDialect",
            [
                "p.pk": "lamp", "proofs": "", "proofs": "jwt", "proofs": "plain",
                "up": "ok/${dk}", "down": "x, y/${dk}\nz",
            ], on: path)
        #expect(set.status == 303, "\(set.text)")
        let dialect = try await client.get("/v1/products/lamp").json["dialect"]
        #expect(dialect?["proofs"] == ["plain", "jwt"])
        #expect(dialect?["up"] == ["ok/${dk}"] && dialect?["down"] == ["x, y/${dk}", "z"])
        // Without any box it is as where nothing was said.
        let none = try await owner.send(
            "setDialect", ["p.pk": "lamp", "proofs": ""], on: path, as: "setDialect:lamp")
        #expect(none.status == 303)
        #expect(
            try await client.get("/v1/products/lamp").json["dialect"]?["proofs"] == ["tollgate"])
        #expect(try await owner.send("endDialect", ["p.pk": "lamp"], on: path).status == 303)
        #expect(try await client.get("/v1/products/lamp").json["dialect"] == .null)
        let reader = try await Visitor(client, try await reader(of: client))
        let page = try await reader.page(path).text
        #expect(page.contains("<code>tollgate</code>") && !page.contains("setDialect"))
        #expect(!page.contains("addTokenKey"))
    }

    @Test("keys of tokens are added and removed, when their id is typed")
    func tokenKeys() async throws {
        let client = try await client()
        let owner = try await Visitor(client, language: "zh")
        let path = "products/lamp/connecting"
        let key =
            "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}"
        let wrong = try await owner.send(
            "addTokenKey", ["p.pk": "lamp", "id": "k1", "key": "BAD", "audience": ""], on: path,
            as: "addTokenKey:lamp")
        #expect(wrong.status == 422 && wrong.text.contains("addTokenKey:lamp-key-fault"))
        let made = try await owner.send(
            "addTokenKey", ["p.pk": "lamp", "id": "k1", "key": key, "audience": ""], on: path)
        #expect(made.status == 303, "\(made.text)")
        #expect(try await owner.page(path).text.contains("EdDSA"))
        for (typed, status) in [("", 422), ("k1", 303)] {
            let removed = try await owner.send(
                "removeTokenKey",
                ["p.pk": "lamp", "p.tokenKey": "k1", "_expected": "k1", "_typed": typed], on: path)
            #expect(removed.status == status)
        }
        #expect(try await client.get("/v1/products/lamp/token-keys").json["items"] == [])
    }

    @Test(
        "a device's page names the device that has attached it, and how many it has attached",
        arguments: [
            ("en", "Connected by its parent", "Children attached"), ("zh", "所属父设备", "已连接的子设备"),
        ])
    func children(language: String, parent: String, children: String) async throws {
        let client = try await client()
        _ = try await client.csv("/v1/products/lamp/devices", "dk,secret\nhub,s1\nd1,s2\nd2,s3\n")
        let product = try #require(ProductKey("lamp"))
        let devices = ["hub", "d1", "d2"].map {
            DeviceIdentity(product: product, device: DeviceKey($0)!)
        }
        client.controlPlane.set {
            $0.online.formUnion(devices)
            $0.parents = [devices[1]: devices[0], devices[2]: devices[0]]
        }
        let owner = try await Visitor(client, language: language)
        let child = try await owner.page("products/lamp/devices/d1").text
        #expect(
            child.contains(
                "<dt>\(parent)</dt><dd><a href=\"/console/products/lamp/devices/hub\">lamp.hub</a></dd>"
            ))
        #expect(!child.contains("<dt>\(children)</dt>"))
        let hub = try await owner.page("products/lamp/devices/hub").text
        #expect(hub.contains("<dt>\(children)</dt><dd>2</dd>"))
        #expect(!hub.contains("<dt>\(parent)</dt>"))
    }

    @Test("the certificates that a device may show are set, one a line, and forgotten")
    func pins() async throws {
        let client = try await client()
        _ = try await client.csv("/v1/products/lamp/devices", "dk,secret\nd1,s1\n")
        let owner = try await Visitor(client)
        let path = "products/lamp/devices/d1"
        let pins = ["1a", "2b"].map { String(repeating: $0, count: 32) }
        for (text, found) in [(pins.joined(separator: "\r\n"), pins), ("", [])] {
            let set = try await owner.send(
                "setPins", ["p.pk": "lamp", "p.dk": "d1", "fingerprints": text], on: path)
            #expect(set.status == 303, "\(set.text)")
            let page = try await owner.page(path).text
            for pin in pins { #expect(page.contains(pin) == found.contains(pin)) }
        }
    }

    @Test("what a device is to be is changed and replaced, for the version that was seen alone")
    func state() async throws {
        let client = try await client()
        _ = try await client.csv("/v1/products/lamp/devices", "dk,secret\nd1,s1\n")
        let owner = try await Visitor(client)
        let path = "products/lamp/devices/d1"
        func send(_ operation: String, _ desired: String, _ version: String) async throws
            -> Client.Answer
        {
            try await owner.send(
                operation,
                ["p.pk": "lamp", "p.dk": "d1", "desired": desired, "version": version], on: path,
                as: "\(operation):d1:lamp")
        }
        #expect(try await send("setState", "{\"on\": true, \"level\": 3}", "0").status == 303)
        #expect(try await send("changeState", "{\"level\": null, \"a\": [1]}", "").status == 303)
        let page = try await owner.page(path).text
        #expect(
            page.contains(
                "{\n  &quot;on&quot;: true,\n  &quot;a&quot;: [\n    1\n  ]\n}"))
        let late = try await send("changeState", "{\"on\": false}", "1")
        #expect(late.status == 409 && late.text.contains("has version 2"), "\(late.status)")
        #expect(late.text.contains(">\n{&quot;on&quot;: false}</textarea>"), "it is kept")
        for text in ["{", "", "[1]", "1"] {
            let wrong = try await send("setState", text, "")
            #expect(wrong.status == 422, "\(text)")
            #expect(wrong.text.contains("id=\"setState:d1:lamp-desired-fault\""), "\(text)")
        }
        let desired = try await client.get("/v1/products/lamp/devices/d1/state").json
        #expect(desired["desired"]?["on"] == true && desired["desiredVersion"] == 2)
        let indented: JSON = ["a": [], "b": [:], "c": [1, ["d": "e\""]], "f": .null]
        #expect(JSON(parsing: Array(indented.indented.utf8)) == indented)
    }
}
