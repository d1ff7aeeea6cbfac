import Gateway
import HTTPTypes
import Ledger
import Processes
import Storage
import Testing

@testable import Admin

/// What is done to many devices in one request.
@Suite("Bulk operations over HTTP", .serves)
struct BulkTests {
    private func furnished(_ devices: Int) async throws -> Client {
        let client = try Client()
        try await client.furnish(codes: 10, assigned: 5)
        let rows = (0..<devices).map { "d\($0),s\n" }.joined()
        let made = try await client.csv("/v1/products/lamp/devices", "dk,secret\n\(rows)")
        #expect(made.status == 201, "\(made.text)")
        return client
    }

    /// The lines of devices, and the last one.
    private func bulk(
        _ client: Client, _ body: JSON, token: String = Client.ownerToken.text
    ) async throws -> (lines: [JSON], sums: JSON) {
        let answer = try await client.send(
            .post, "/v1/products/lamp/bulk", body.bytes, token: token)
        #expect(answer.status == 200, "\(answer.text)")
        #expect(answer.headers[.contentType] == "application/x-ndjson")
        var lines = answer.text.split(separator: "\n").map {
            JSON(parsing: Array($0.utf8)) ?? .null
        }
        let sums = lines.popLast() ?? .null
        return (lines, sums)
    }

    private func count(_ client: Client, _ query: String) async throws -> Int {
        let list = try await client.get("/v1/products/lamp/devices?limit=1000&\(query)")
        return list.json["items"]?.array?.count ?? -1
    }

    @Test("each device has a line in the order asked for, and the last line has the sums")
    func lines() async throws {
        let client = try await furnished(3)
        _ = try await client.post("/v1/products/lamp/devices/d1/disable", [:])
        let (lines, sums) = try await bulk(
            client, ["action": "disable", "devices": ["d2", "none", "d1", "d2"]])
        #expect(lines[0] == ["dk": "d2", "outcome": "done"])
        #expect(
            lines[1] == [
                "dk": "none", "outcome": "refused", "reason": "unknown-device",
                "detail": "product lamp has no device none",
            ])
        #expect(lines[2] == ["dk": "d1", "outcome": "unchanged"])
        #expect(lines.count == 4)
        #expect(sums["devices"] == 4 && sums["refused"] == 1 && sums["dryRun"] == false)
        #expect(try await count(client, "state=disabled") == 2)
    }

    @Test("every action does what the same of one device does, and a dry run foretells it")
    func actions() async throws {
        let client = try await furnished(4)
        client.controlPlane.set { state in
            state.online = [
                DeviceIdentity(product: ProductKey("lamp")!, device: DeviceKey("d1")!)
            ]
        }
        let devices: JSON = ["d0", "d1", "none"]
        for (action, done) in [
            ("disable", 2), ("disable", 0), ("enable", 2), ("enable", 0), ("renewal-off", 2),
            ("renewal-off", 0), ("renewal-on", 2), ("kick", 1), ("delete", 2), ("delete", 0),
        ] {
            let before = try client.controlPlane.ledger.lastSequence
            let dry = try await bulk(
                client, ["action": .text(action), "devices": devices, "dryRun": true])
            #expect(try client.controlPlane.ledger.lastSequence == before, "\(action)")
            let wet = try await bulk(client, ["action": .text(action), "devices": devices])
            #expect(wet.lines == dry.lines, "\(action)")
            #expect(wet.sums["done"] == .integer(Int64(done)), "\(action) \(wet.lines)")
            #expect(dry.sums["dryRun"] == true)
        }
        #expect(try client.controlPlane.ledger.verify() == [])
    }

    @Test("devices are found as a list finds them; without any filter, all")
    func filters() async throws {
        let client = try await furnished(30)
        let note: JSON = ["room": "hall"]
        for device in ["d3", "d4"] {
            _ = try await client.send(
                .patch, "/v1/products/lamp/devices/\(device)/metadata", note.bytes)
        }
        let noted = try await bulk(
            client, ["action": "disable", "filter": ["metadata": "room=hall", "like": "D"]])
        #expect(noted.lines.compactMap { $0["dk"]?.text } == ["d3", "d4"])
        let some = try await bulk(
            client, ["action": "delete", "filter": ["state": "disabled", "online": false]])
        #expect(some.sums["done"] == 2)
        let all = try await bulk(client, ["action": "disable", "filter": [:]])
        #expect(all.sums["done"] == 28 && all.sums["devices"] == 28)
        for wrong: JSON in [
            ["action": "disable"], ["action": "disable", "devices": []],
            ["action": "disable", "devices": ["d1"], "filter": [:]],
            ["action": "explode", "devices": ["d1"]], ["action": "kick", "devices": ["a b"]],
            ["action": "kick", "filter": ["metadata": "room"]],
        ] {
            let answer = try await client.post("/v1/products/lamp/bulk", wrong)
            #expect(answer.status == 422, "\(answer.text)")
        }
        let fault = try await client.post(
            "/v1/products/lamp/bulk", ["action": "kick", "filter": ["metadata": "room"]]
        ).json["errors"]?.array?.first
        #expect(fault?["pointer"]?.text == "/filter/metadata")
        #expect(fault?["detail"]?.text?.hasSuffix("control characters, like room=hall") == true)
        #expect(
            try await client.post(
                "/v1/products/none/bulk",
                [
                    "action": "disable", "filter": [:],
                ]
            ).status == 404)
    }

    @Test("10,000 devices are changed in one request, by their keys and by a filter")
    func many() async throws {
        let client = try await furnished(10_000)
        let keys = JSON.array((0..<10_000).map { .text("d\($0)") })
        let named = try await bulk(client, ["action": "disable", "devices": keys])
        #expect(named.sums["done"] == 10_000 && named.lines.count == 10_000)
        #expect(named.lines.last?["dk"] == "d9999")
        let found = try await bulk(
            client, ["action": "enable", "filter": ["state": "disabled"]])
        #expect(found.sums["done"] == 10_000)
        let more = JSON.array((0..<10_001).map { .text("d\($0)") })
        let refused = try await client.post(
            "/v1/products/lamp/bulk", ["action": "disable", "devices": more])
        #expect(refused.status == 422, "\(refused.text)")
        #expect(try client.controlPlane.ledger.verify() == [])
    }

    @Test("a tenant changes its own devices, and an application none")
    func tenants() async throws {
        let client = try await furnished(2)
        _ = try await client.post(
            "/v1/accounts", ["id": "other", "name": "O", "kind": "individual"])
        let body: JSON = ["action": "disable", "devices": ["d0"]]
        for (role, account, status) in [
            ("sub-account", "other", 404), ("application", "acme", 403),
            ("sub-account", "acme", 200),
        ] {
            let key = try await client.post(
                "/v1/keys", ["name": "k", "role": .text(role), "account": .text(account)])
            let answer = try await client.send(
                .post, "/v1/products/lamp/bulk", body.bytes, token: key.json["token"]?.text)
            #expect(answer.status == status, "\(role) \(account) \(answer.text)")
        }
    }
}

extension Ledger {
    fileprivate var lastSequence: UInt64 {
        get throws {
            try read { books, transaction throws(StoreError) in
                try books.lastSequence(in: transaction)
            }
        }
    }
}
