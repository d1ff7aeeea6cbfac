import Gateway
import HTTPTypes
import Ledger
import Metering
import Processes
import Testing
import Time

@testable import Admin

/// Devices over time.
@Suite("Devices over time", .serves)
struct OnlineTests {
    /// 2026-11-21, at eight: an hour's four counts, two of the hour before, and two of the day before.
    private func world() async throws -> Client {
        let client = try Client()
        try await client.furnish()
        let times: [(String, UInt64, UInt64)] = [
            ("2026-11-20T12:00:00Z", 40, 100), ("2026-11-20T23:45:00Z", 30, 110),
            ("2026-11-21T06:30:00Z", 5, 120), ("2026-11-21T06:45:00Z", 9, 120),
            ("2026-11-21T07:00:00Z", 8, 120), ("2026-11-21T07:15:00Z", 0, 121),
            ("2026-11-21T07:30:00Z", 12, 122), ("2026-11-21T07:45:00Z", 11, 123),
        ]
        let counts = try times.map { time, online, devices in
            OnlineCount(
                quarter: Quarter(of: try #require(Timestamp(time))), online: online,
                devices: devices)
        }
        client.controlPlane.set { $0.counts = counts }
        return client
    }

    private func rows(_ client: Client, _ path: String) async throws -> [String] {
        let answer = try await client.get(path)
        #expect(answer.status == 200, "\(answer.text)")
        return (answer.json["items"]?.array ?? []).map { item in
            let active = item.at("active").map { String(decoding: $0.bytes, as: UTF8.self) }
            let missing = (item["missing"]?.array ?? []).compactMap(\.text).joined()
            return
                "\(item.text("from").dropLast(4)) \(item.number("online")) \(item.number("devices")) \(active ?? "-")\(missing)"
        }
    }

    @Test("a day or hour has the largest count of its quarters, and the devices of its last one")
    func periods() async throws {
        let client = try await world()
        for path in ["/v1/products/lamp/online", "/v1/accounts/acme/online"] {
            #expect(
                try await rows(client, path) == [
                    "2026-11-20T00:00 40 110 3", "2026-11-21T00:00 12 123 2",
                ])
            #expect(
                try await rows(client, path + "?by=hour&from=2026-11-21") == [
                    "2026-11-21T06:00 9 120 -", "2026-11-21T07:00 12 123 -",
                ])
            #expect(
                try await rows(client, path + "?to=2026-11-20") == ["2026-11-20T00:00 40 110 3"])
            #expect(try await rows(client, path + "?from=2026-11-22") == [])
            #expect(try await rows(client, path + "?to=2020-01-01") == [])
        }
        let csv = try await client.send(
            .get, "/v1/products/lamp/online", headers: ["Accept": "text/csv"])
        #expect(csv.text.contains("2026-11-21,2026-11-21T00:00:00Z,12,123,2,\r\n"))
        #expect(try await client.get("/v1/products/none/online").reason == "unknown-product")
        #expect(try await client.get("/v1/accounts/none/online").reason == "unknown-account")
        #expect(try await client.get("/v1/products/lamp/online?by=week").status == 422)
    }

    @Test("the list comes in parts, by day and by hour")
    func parts() async throws {
        let client = try await world()
        for (by, count) in [("day", 2), ("hour", 4)] {
            var (path, seen) = ("/v1/products/lamp/online?limit=1&by=\(by)", [String]())
            let first = path
            while seen.count < 9 {
                let answer = try await client.get(path)
                seen += (answer.json["items"]?.array ?? []).map { $0.text("from") }
                guard let cursor = answer.json["cursor"]?.text else { break }
                path = "\(first)&cursor=\(cursor)"
            }
            #expect(seen.count == count && Set(seen).count == count, "\(seen)")
        }
        #expect(
            try await client.get("/v1/products/lamp/online?cursor=12").reason == "unknown-cursor")
    }

    @Test("a product's own days and hours are told of")
    func offset() async throws {
        let client = try await world()
        let body: JSON = ["dayOffsetMinutes": 330]
        let change = try await client.send(.patch, "/v1/products/lamp", body.bytes)
        #expect(change.status == 200)
        #expect(
            try await rows(client, "/v1/products/lamp/online?by=hour") == [
                "2026-11-20T11:30 40 100 -", "2026-11-20T23:30 30 110 -",
                "2026-11-21T06:30 9 121 -", "2026-11-21T07:30 12 123 -",
            ])
        #expect(
            try await rows(client, "/v1/products/lamp/online") == [
                "2026-11-19T18:30 40 100 3", "2026-11-20T18:30 30 123 2",
            ])
    }

    @Test("a node that does not answer is named, in the list and on the pages")
    func missing() async throws {
        let client = try await world()
        client.controlPlane.set {
            $0.nodes = [NodeName("n1"), StandInControlPlane.silent].compactMap(\.self)
        }
        #expect(
            try await rows(client, "/v1/products/lamp/online?to=2026-11-20") == [
                "2026-11-20T00:00 40 110 3silent"
            ])
        let token = Client.ownerToken.text
        for (path, isMissing) in [
            ("/console/accounts/acme", true), ("/console/products/lamp/usage", true),
            ("/console/accounts/acme", false),
        ] {
            if !isMissing { client.controlPlane.set { $0.nodes = [] } }
            for (language, title, note) in [
                ("en", "Devices and online over time", "These nodes did not answer"),
                ("zh", "设备与在线数趋势", "以下节点未应答"),
            ] {
                let page = try await client.page(path, token, language: language)
                #expect(page.contains(title))
                #expect(page.contains(note) == isMissing, "\(path)")
                #expect(page.contains("<polyline class=\"first\""))
                #expect(page.contains("<td>2026-11-21</td><td class=\"number\">12</td>"))
            }
        }
    }
}
