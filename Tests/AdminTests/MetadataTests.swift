import Gateway
import HTTPTypes
import Ledger
import Processes
import Testing

@testable import Admin

/// What users note about accounts, products and devices.
@Suite("Metadata over HTTP", .serves)
struct MetadataTests {
    private static let owners = [
        "/v1/accounts/acme", "/v1/products/lamp", "/v1/products/lamp/devices/d1",
    ]

    private func patch(
        _ client: Client, _ owner: String, _ body: JSON, token: String = Client.ownerToken.text
    ) async throws -> Client.Answer {
        try await client.send(.patch, "\(owner)/metadata", body.bytes, token: token)
    }

    private func furnished() async throws -> Client {
        let client = try Client()
        try await client.furnish()
        _ = try await client.csv("/v1/products/lamp/devices", "dk,secret\nd1,s\nd2,s\nd3,s\n")
        return client
    }

    @Test(
        "RFC 7396: a patch sets what it names, null takes away, the rest stays; shown and listed",
        arguments: owners)
    func merge(_ owner: String) async throws {
        let client = try await furnished()
        #expect(try await client.get(owner).json["metadata"] == [:])
        let first = try await patch(client, owner, ["room": "厨房 2", "floor": "", "a.b-c_d": "x"])
        #expect(first.status == 200, "\(first.text)")
        #expect(first.json["metadata"] == ["a.b-c_d": "x", "floor": "", "room": "厨房 2"])
        let second = try await patch(client, owner, ["floor": .null, "none": .null, "room": "3"])
        #expect(second.json["metadata"] == ["a.b-c_d": "x", "room": "3"])
        #expect(try await client.get(owner).json["metadata"] == second.json["metadata"])
        let list = String(owner[..<(owner.lastIndex(of: "/") ?? owner.endIndex)])
        let listed = try await client.get(list).json["items"]?.array?.first { item in
            [item["id"]?.text, item["dk"]?.text, item["pk"]?.text].contains(
                String(owner.split(separator: "/").last ?? ""))
        }
        #expect(listed?["metadata"] == second.json["metadata"])
        let csv = try await client.send(.get, list, headers: ["Accept": "text/csv"])
        #expect(csv.text.contains("metadata.room"), "\(csv.text)")
        let event = try await client.get("/v1/events?limit=1000").json["items"]?.array?.last
        #expect(event?["change"]?.text == "metadata-changed")
        #expect(event?["metadata"] == ["floor": .null, "room": "3"])
        #expect(try client.controlPlane.ledger.verify() == [])
    }

    @Test(
        "what is no KEY=VALUE to search by is answered with its form, and one that is",
        arguments: ["/v1/products", "/v1/products/lamp/devices"])
    func searchedForm(_ path: String) async throws {
        let client = try await furnished()
        let rule = "must be 2 to 241 of any characters but control characters, like room=hall"
        for wrong in ["hall", "=hall", "a%20b=hall", "room"] {
            let answer = try await client.get("\(path)?metadata=\(wrong)")
            #expect(answer.status == 422 && answer.reason == "invalid-request", "\(wrong)")
            #expect(answer.json["detail"]?.text == "metadata: \(rule)", "\(answer.text)")
        }
        #expect(try await client.get("\(path)?metadata=room=hall").status == 200)
    }

    @Test("keys and values have a form and a number, and what is wrong is named by its place")
    func forms() async throws {
        let client = try await furnished()
        let long = String(repeating: "客", count: 201)
        let cases: [(JSON, String, String)] = [
            (["a b": "x"], "/a b", "the name must be 1 to 40 of A-Z a-z 0-9 . _ -"),
            (["a": 1], "/a", "must be a text"),
            (["a": "x\ny"], "/a", "must be 0 to 200 of any characters but control characters"),
            (["a": .text(long)], "/a", "must be 0 to 200 of any characters but control characters"),
            (["a": ["b"]], "/a", "must be a text"),
        ]
        for owner in Self.owners {
            for (body, pointer, detail) in cases {
                let answer = try await patch(client, owner, body)
                #expect(answer.status == 422, "\(answer.text)")
                let fault = answer.json["errors"]?.array?.first
                #expect(fault?["pointer"]?.text == pointer, "\(answer.text)")
                #expect(fault?["detail"]?.text == detail, "\(answer.text)")
            }
            let most = JSON.object((1...16).map { JSON.Member(name: "k\($0)", value: "v") })
            #expect(try await patch(client, owner, most).status == 200)
            let more = try await patch(client, owner, ["more": "v"])
            #expect(more.status == 409 && more.reason == "too-much-metadata", "\(more.text)")
        }
        for absent in ["/v1/accounts/none", "/v1/products/none", "/v1/products/lamp/devices/none"] {
            #expect(try await patch(client, absent, ["a": "b"]).status == 404)
        }
    }

    @Test("a list of devices is searched for metadata, with its other filters")
    func search() async throws {
        let client = try await furnished()
        for (device, room) in [("d1", "hall"), ("d2", "Hall"), ("d3", "hall")] {
            let owner = "/v1/products/lamp/devices/\(device)"
            #expect(
                try await patch(client, owner, ["room": .text(room), "e": "a=b"]).status == 200)
        }
        func found(_ query: String) async throws -> [String] {
            let answer = try await client.get("/v1/products/lamp/devices?\(query)")
            return answer.json["items"]?.array?.compactMap { $0["dk"]?.text } ?? [answer.text]
        }
        #expect(try await found("metadata=room%3Dhall") == ["d1", "d3"])
        #expect(try await found("metadata=room%3Dhall&like=3") == ["d3"])
        #expect(try await found("metadata=e%3Da%3Db") == ["d1", "d2", "d3"])
        #expect(try await found("metadata=room%3D") == [])
        #expect(try await found("metadata=room%3Dhall&like=d3") == ["d3"])
        #expect(try await found("metadata=room%3Dhall&state=disabled") == [])
        let page = try await client.get(
            "/v1/products/lamp/devices?metadata=room%3Dhall&limit=1")
        let cursor = try #require(page.json["cursor"]?.text)
        #expect(try await found("metadata=room%3Dhall&limit=1&cursor=\(cursor)") == ["d3"])
        let other = try await client.get(
            "/v1/products/lamp/devices?metadata=room%3DHall&cursor=\(cursor)")
        #expect(other.reason == "unknown-cursor", "\(other.text)")
        let wrong = try await client.get("/v1/products/lamp/devices?metadata=room")
        #expect(wrong.status == 422, "\(wrong.text)")
    }

    @Test("a list of products is searched for metadata, by each for what is its own")
    func productSearch() async throws {
        let client = try await furnished()
        _ = try await client.post(
            "/v1/accounts", ["id": "other", "name": "O", "kind": "individual"])
        for (pk, account) in [("fan", "other"), ("bulb", "acme")] {
            let made = try await client.post(
                "/v1/products",
                ["pk": .text(pk), "name": .text(pk), "account": .text(account)])
            #expect(made.status == 201, "\(made.text)")
        }
        for pk in ["lamp", "fan", "bulb"] {
            let owner = "/v1/products/\(pk)"
            #expect(try await patch(client, owner, ["use": "home"]).status == 200)
        }
        func found(
            _ query: String, token: String? = Client.ownerToken.text
        ) async throws -> [String] {
            let answer = try await client.get("/v1/products?\(query)", token: token)
            return answer.json["items"]?.array?.compactMap { $0["pk"]?.text } ?? [answer.text]
        }
        #expect(try await found("metadata=use%3Dhome") == ["bulb", "lamp", "fan"])
        #expect(try await found("metadata=use%3Dhome&account=other") == ["fan"])
        #expect(try await found("metadata=use%3Dhome&name=B") == ["bulb"])
        #expect(try await found("metadata=use%3Dwork") == [])
        let key = try await client.post(
            "/v1/keys", ["name": "k", "role": "sub-account", "account": "other"])
        let token = try #require(key.json["token"]?.text)
        #expect(try await found("metadata=use%3Dhome", token: token) == ["fan"])
        let wrong = try await client.get("/v1/products?metadata=use")
        #expect(wrong.status == 422, "\(wrong.text)")
    }

    @Test("a tenant notes what it likes about what is its own, and about nothing else")
    func tenants() async throws {
        let client = try await furnished()
        _ = try await client.post(
            "/v1/accounts", ["id": "other", "name": "O", "kind": "individual"])
        for (account, status) in [("acme", 200), ("other", 404)] {
            for (role, refused) in [("sub-account", status), ("application", 403)] {
                let key = try await client.post(
                    "/v1/keys", ["name": "k", "role": .text(role), "account": .text(account)])
                let token = try #require(key.json["token"]?.text)
                for owner in Self.owners {
                    let answer = try await patch(client, owner, ["a": "b"], token: token)
                    #expect(answer.status == refused, "\(role) \(owner) \(answer.text)")
                }
            }
        }
    }

    @Test("devices, packages and keys get other names, and nothing else changes")
    func renames() async throws {
        let client = try await furnished()
        let key = try await client.post("/v1/keys", ["name": "K", "role": "application"])
        let id = try #require(key.json["id"]?.text)
        for (path, change) in [
            ("/v1/products/lamp/devices/d1", "device-renamed"),
            ("/v1/packages/basic", "package-renamed"), ("/v1/keys/\(id)", "key-renamed"),
        ] {
            let before = try await client.get(path).json
            let body: JSON = ["name": "客厅, links"]
            let answer = try await client.send(.patch, path, body.bytes)
            #expect(answer.status == 200 && answer.json["name"]?.text == "客厅, links")
            #expect(
                try await client.get(path).text.replacing("客厅, links", with: "")
                    == String(decoding: before.bytes, as: UTF8.self).replacing(
                        "\"name\":\"\(before["name"]?.text ?? "")\"", with: "\"name\":\"\""))
            let event = try await client.get("/v1/events?limit=1000").json["items"]?.array?.last
            #expect(event?["change"]?.text == change && event?["name"]?.text == "客厅, links")
            let control: JSON = ["name": "a\u{7}"]
            #expect(try await client.send(.patch, path, control.bytes).status == 422)
        }
        let empty: JSON = ["name": ""]
        let unnamed = try await client.send(.patch, "/v1/products/lamp/devices/d1", empty.bytes)
        #expect(unnamed.json["name"]?.text == "")
        #expect(try await client.send(.patch, "/v1/keys/\(id)", empty.bytes).status == 422)
        #expect(try client.controlPlane.ledger.verify() == [])
    }
}
