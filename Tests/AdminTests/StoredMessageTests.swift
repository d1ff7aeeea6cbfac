import HTTPTypes
import Ledger
import MessageLog
import Processes
import Testing
import Time

@testable import Admin

/// Devices' messages that are stored, over HTTP (rule D3).
@Suite(.serves) struct StoredMessageTests {
    private let path = "/v1/products/lamp/devices/d1/messages"

    private func furnished(_ count: UInt64) async throws -> Client {
        let client = try Client()
        try await client.furnish()
        _ = try await client.csv("/v1/products/lamp/devices", "dk,secret\nd1,s\nd2,s\n")
        let identity = DeviceIdentity(product: ProductKey("lamp")!, device: DeviceKey("d1")!)
        let start = try #require(Timestamp("2026-11-21T08:00:00Z"))
        let messages = (1...count).reversed().map { number in
            StoredMessage(
                sequence: number, time: start.adding(seconds: Int64(number)),
                direction: number % 2 == 0 ? .down : .up, qos: 1, isRetained: number == 1,
                isDuplicate: false, topic: Array("d/lamp/d1/up/t".utf8),
                payload: number == 2 ? [0xFF, 0, 1] : Array("{\"n\":\(number)}".utf8))
        }
        client.controlPlane.set { $0.messages[identity] = messages }
        return client
    }

    @Test("a message comes with its payload as Base64 and, when it is UTF-8, as text")
    func document() async throws {
        let client = try await furnished(2)
        let items = try await client.get(path).json["items"]?.array ?? []
        #expect(items.count == 2)
        #expect(
            items[1]
                == [
                    "at": "2026-11-21T08:00:01Z", "direction": "up", "topic": "d/lamp/d1/up/t",
                    "qos": 1, "retained": true, "duplicate": false, "bytes": 7,
                    "payload": "{\"n\":1}", "payloadBase64": "eyJuIjoxfQ==",
                ])
        #expect(items[0]["payload"] == .null && items[0]["payloadBase64"]?.text == "/wAB")
    }

    @Test("pages go on where the one before has ended; time and direction choose")
    func pages() async throws {
        let client = try await furnished(7)
        var bytes: [Int64?] = []
        var query = "?limit=3"
        var requests = 0
        while true {
            let page = try await client.get(path + query).json
            bytes += page["items"]?.array?.map { $0["qos"]?.integer } ?? []
            requests += 1
            guard let cursor = page["cursor"]?.text else { break }
            query = "?limit=3&cursor=\(cursor)"
        }
        #expect(bytes.count == 7 && requests == 3)
        let chosen = "?from=2026-11-21T08:00:02Z&to=2026-11-21T08:00:06Z&direction=down"
        #expect(try await client.get(path + chosen).json["items"]?.array?.count == 2)
        #expect(try await client.get(path + "?cursor=ff").reason == "unknown-cursor")
        #expect(try await client.get(path + "?direction=left").status == 422)
        #expect(try await client.get(path + "?from=yesterday").status == 422)
    }

    @Test("who accepts NDJSON gets all, a line each")
    func lines() async throws {
        let client = try await furnished(1_203)
        let answer = try await client.send(
            .get, path, headers: ["Accept": "application/x-ndjson"])
        #expect(answer.status == 200)
        #expect(answer.headers[.contentType] == "application/x-ndjson")
        let lines = answer.text.split(separator: "\n")
        #expect(lines.count == 1_203)
        #expect(lines.allSatisfy { JSON(parsing: Array($0.utf8))?["topic"] != nil })
    }

    @Test(
        "the switch is a setting of the product, off at first; deleting is in the books, and of devices that are known"
    )
    func settings() async throws {
        let client = try await furnished(1)
        #expect(try await client.get("/v1/products/lamp").json["messageLog"] == false)
        let body: JSON = ["messageLog": true]
        let changed = try await client.send(.patch, "/v1/products/lamp", body.bytes)
        #expect(changed.status == 200 && changed.json["messageLog"] == true)
        #expect(try await client.send(.delete, path).status == 204)
        let events = try await client.get("/v1/events?limit=1000").json["items"]?.array ?? []
        #expect(
            events.suffix(2).map { $0["change"]?.text } == ["product-updated", "messages-deleted"])
        #expect(events.last?["dk"]?.text == "d1")
        #expect(events.dropLast().last?["messageLog"] == true)
        let unknown = "/v1/products/lamp/devices/nothing/messages"
        #expect(try await client.get(unknown).json["items"] == [])
        #expect(try await client.send(.delete, unknown).status == 404)
    }
}
