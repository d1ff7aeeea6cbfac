import HTTPTypes
import Ledger
import Processes
import Testing

@testable import Admin
@testable import Gateway

/// Products whose devices were made for another platform.
@Suite(.serves) struct DialectTests {
    private let path = "/v1/products/lamp/dialect"

    @Test("a product's dialect is set, shown, an event, and ended")
    func life() async throws {
        let client = try Client()
        try await client.furnish()
        #expect(try await client.get("/v1/products/lamp").json["dialect"] == .null)
        let azure: JSON = ["preset": "azure", "proofs": ["azure-sas", "tollgate"]]
        let set = try await client.send(.put, path, azure.bytes)
        let shown = set.json["dialect"]
        #expect(set.status == 200 && shown?["preset"]?.text == "azure")
        #expect(shown?["up"] == ["devices/${dk}/messages/events/#"])
        #expect(shown?["down"] == ["devices/${dk}/messages/devicebound/#"])
        #expect(shown?["proofs"] == ["tollgate", "azure-sas"])
        let events = try await client.get("/v1/events?limit=1000").json["items"]?.array ?? []
        #expect(events.last?["change"]?.text == "product-dialect-set")
        #expect(events.last?["dialect"] == shown)
        let own: JSON = ["up": ["a/${pk}-${dk}/#"]]
        let changed = try await client.send(.put, path, own.bytes).json["dialect"]
        #expect(changed?["preset"] == .null && changed?["up"] == ["a/${pk}-${dk}/#"])
        #expect(changed?["down"] == [] && changed?["proofs"] == ["tollgate"])
        let ended = try await client.send(.delete, path)
        #expect(ended.status == 200 && ended.json["dialect"] == .null)
    }

    @Test(
        "the console says which weak proofs a product accepts, and nothing where there are none",
        arguments: [("en", "by weak proofs"), ("zh", "弱认证方式")])
    func console(language: String, warning: String) async throws {
        let client = try Client()
        try await client.furnish()
        let (_, cookie) = try await client.signIn(Client.ownerToken.text)
        func page(_ tab: String = "") async throws -> String {
            try await client.send(
                .get, "/console/products/lamp\(tab)", token: nil,
                headers: ["Cookie": cookie, "Accept-Language": language]
            ).text
        }
        #expect(try await !page().contains(warning))
        #expect(try await page("/connecting").contains("<code>tollgate</code>"))
        let strong: JSON = ["proofs": ["alibaba-hmacsha256", "azure-sas", "jwt", "psk"]]
        _ = try await client.send(.put, path, strong.bytes)
        #expect(try await !page().contains(warning))
        #expect(try await page("/connecting").contains("<code>jwt</code>"))
        #expect(try await page("/connecting").contains("<code>psk</code>"))
        let weak: JSON = ["proofs": ["tollgate", "alibaba-hmacmd5", "alibaba-hmacsha1", "plain"]]
        _ = try await client.send(.put, path, weak.bytes)
        let text = try await page()
        #expect(text.contains(warning) && !text.contains("<code>tollgate</code>"))
        for name in ["alibaba-hmacmd5", "alibaba-hmacsha1", "plain"] {
            #expect(text.contains("<code>\(name)</code>"), "\(name)")
        }
    }

    @Test("what can't be is refused: which pattern it is, and why")
    func refusals() async throws {
        let client = try Client()
        try await client.furnish()
        let many = JSON.array((0..<17).map { .text("a/\($0)") })
        let cases: [(JSON, String)] = [
            (["up": ["ok", "a/#/b"]], "up/1: 'a/#/b': # stands alone in the last level"),
            (["down": ["a+"]], "down/0: 'a+': + stands alone in its level"),
            (["up": ["${clientID}/x"]], "there is no ${clientID}"),
            (["up": ["a-${clientId}/x"]], "${clientId} stands alone in its level"),
            (["up": ["$SYS/#"]], "are the server's"), (["up": ["d/x/y/up/#"]], "are the server's"),
            (["up": many, "down": many], "1 to 32 patterns together, not 34"),
            (["up": []], "1 to 32 patterns together, not 0"),
            (["preset": "aws", "up": ["a"]], "preset: takes the place of up and down"),
            (["preset": "gcp"], "preset"), (["proofs": ["jws"]], "proofs"),
            (["proofs": []], "proofs"),
        ]
        for (body, reason) in cases {
            let answer = try await client.send(.put, path, body.bytes)
            let isOfSchema = ["preset", "proofs"].contains(reason)
            #expect(answer.status == (isOfSchema ? 422 : 409), "\(reason)")
            #expect(answer.reason == (isOfSchema ? "invalid-request" : "topics-unusable"))
            #expect(answer.json["detail"]?.text?.contains(reason) == true, "\(answer.json)")
        }
        #expect(try await client.get("/v1/products/lamp").json["dialect"] == .null)
    }
}
