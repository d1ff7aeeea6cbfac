import HTTPTypes
import Ledger
import Processes
import Testing
import Time

@testable import Admin
@testable import Gateway

@Suite("Campaigns over HTTP", .serves)
struct CampaignTests {
    private static let campaigns = "/v1/products/lamp/campaigns"

    /// Active devices `d1` to `d3` of `lamp`, and an image.
    private func client() async throws -> Client {
        let client = try Client()
        try await client.furnish()
        _ = try await client.csv("/v1/products/lamp/devices", "dk,secret\nd1,a\nd2,b\nd3,c\n")
        for device in ["d1", "d2", "d3"] {
            let answer = try await client.post("/v1/products/lamp/devices/\(device)/activate", [:])
            #expect(answer.status == 200)
        }
        try client.offerFirmware()
        let image = try await client.send(
            .post, "/v1/products/lamp/firmware?firmware=2.0", [1, 2, 3],
            type: "application/octet-stream")
        #expect(image.status == 201)
        return client
    }

    private func plan(_ id: String = "spring") -> JSON {
        ["id": .text(id), "firmware": "2.0", "perMinute": 2, "endsAt": "2026-12-01"]
    }

    /// So many seconds pass, and the gateway looks.
    private func pass(_ client: Client, seconds: Int64) async throws {
        client.controlPlane.advance(milliseconds: 1_000 * seconds)
        let action = CampaignAction.advance(
            ProductKey("lamp")!, CampaignID("spring")!, looks: 500)
        _ = try await client.controlPlane.submit(
            Command(
                at: client.controlPlane.now, actor: Command.gatewayActor,
                action: .campaigns(action)))
    }

    @Test("a campaign is made, shown, paused, resumed and stopped")
    func life() async throws {
        let client = try await client()
        let made = try await client.post(Self.campaigns, plan(), key: "k1")
        #expect(made.status == 201 && made.json["state"]?.text == "running", "\(made.text)")
        #expect(
            made.json["stopPercent"] == 20 && made.json["endsAt"]?.text == "2026-12-01T00:00:00Z")
        #expect(try await client.post(Self.campaigns, plan(), key: "k1").json == made.json)
        #expect(try await client.post(Self.campaigns, plan()).reason == "already-exists")
        try await pass(client, seconds: 30)
        let path = "\(Self.campaigns)/spring"
        let shown = try await client.get(path).json
        #expect(shown["started"] == 1 && shown["open"] == 1 && shown["through"] == false)
        let upgrades = try await client.get("/v1/products/lamp/devices/d1/upgrades").json["items"]
        #expect(upgrades?.array?.first?["id"]?.text == "campaign.spring")
        #expect(try await client.post("\(path)/pause", [:]).json["state"]?.text == "paused")
        try await pass(client, seconds: 600)
        #expect(try await client.get(path).json["started"] == 1)
        #expect(try await client.post("\(path)/resume", [:]).json["state"]?.text == "running")
        try await pass(client, seconds: 60)
        #expect(try await client.get(path).json["started"] == 3)
        let report: JSON = ["state": "succeeded"]
        _ = try await client.send(
            .patch, "/v1/products/lamp/devices/d1/upgrades/campaign.spring", report.bytes)
        #expect(try await client.get(path).json["succeeded"] == 1)
        #expect(try await client.post("\(path)/stop", [:]).json["state"]?.text == "stopped")
        #expect(try await client.post("\(path)/resume", [:]).reason == "campaign-ended")
        let list = try await client.get(Self.campaigns).json["items"]?.array
        #expect(list?.count == 1 && list?.first?["state"]?.text == "stopped")
        let events = try await client.get("/v1/events?limit=1000").json["items"]?.array ?? []
        let turned = events.filter { $0["change"]?.text == "campaign-turned" }
        #expect(turned.map { $0["state"]?.text } == ["paused", "running", "stopped"])
    }

    @Test("what has become of each device is told, by how it stands, also as CSV")
    func devices() async throws {
        let client = try await client()
        let named = plan().adding("devices", ["d1", "d2", "d9"])
        #expect(try await client.post(Self.campaigns, named).status == 201)
        for _ in 0..<2 { try await pass(client, seconds: 60) }
        let report: JSON = ["state": "failed"]
        let path = "/v1/products/lamp/devices/d2/upgrades/campaign.spring"
        #expect(try await client.send(.patch, path, report.bytes).status == 200)
        let devices = "\(Self.campaigns)/spring/devices"
        let all = try await client.get(devices).json["items"]?.array ?? []
        #expect(all.map { $0["dk"]?.text } == ["d1", "d2", "d9"])
        #expect(all.map { $0["state"]?.text } == ["requested", "failed", "refused"])
        #expect(all.map { $0["reason"]?.text } == [nil, nil, "unknown-device"])
        #expect(all.map { $0["attempts"]?.integer } == [1, 1, 0])
        for state in ["requested", "failed", "refused", "succeeded"] {
            let some = try await client.get("\(devices)?state=\(state)").json["items"]?.array
            #expect(some == all.filter { $0["state"]?.text == state }, "\(state)")
        }
        let first = try await client.get("\(devices)?limit=1").json
        let cursor = try #require(first["cursor"]?.text)
        let second = try await client.get("\(devices)?limit=1&cursor=\(cursor)").json["items"]
        #expect(second?.array == [all[1]])
        // A cursor of one list is none of another.
        let other = try await client.get("\(devices)?state=failed&cursor=\(cursor)")
        #expect(other.reason == "unknown-cursor")
        let csv = try await client.send(
            .get, devices, headers: ["Accept": "text/csv"]
        ).text
        #expect(csv.contains("\r\nd9,refused,0,0,,unknown-device,"), "\(csv)")
        #expect(try await client.get("\(devices)?state=open").status == 422)
        #expect(
            try await client.get("\(Self.campaigns)/x/devices").reason == "unknown-campaign")
    }

    @Test("one that begins later starts nothing before, and begins before it ends")
    func later() async throws {
        let client = try await client()
        let reversed = try await client.post(
            Self.campaigns, plan("reversed").adding("startsAt", "2026-12-01T00:00:00Z"))
        #expect(reversed.status == 409 && reversed.reason == "expiry-passed", "\(reversed.text)")
        let made = try await client.post(
            Self.campaigns, plan().adding("startsAt", "2026-11-30"))
        #expect(made.status == 201, "\(made.text)")
        #expect(made.json["startsAt"]?.text == "2026-11-30T00:00:00Z")
        for _ in 0..<3 { try await pass(client, seconds: 60) }
        let waiting = try await client.get("\(Self.campaigns)/spring").json
        #expect(waiting["started"] == 0 && waiting["state"]?.text == "running", "\(waiting)")
        #expect(waiting["startsAt"] == made.json["startsAt"])
    }

    @Test("which devices it is for: some metadata or some names, not both")
    func filters() async throws {
        let client = try await client()
        let named = try await client.post(
            Self.campaigns, plan().adding("devices", ["d3", "d1", "d1"]))
        #expect(named.status == 201 && named.json["devices"] == 2, "\(named.text)")
        let noted = try await client.post(
            Self.campaigns, plan("noted").adding("metadata", "room=hall"))
        #expect(noted.json["metadata"]?.text == "room=hall", "\(noted.text)")
        let both = try await client.post(
            Self.campaigns, plan("both").adding("metadata", "a=b").adding("devices", ["d1"]))
        #expect(both.status == 422)
        let none = try await client.post(
            Self.campaigns,
            ["id": "x", "firmware": "9", "perMinute": 2, "endsAt": "2026-12-01"])
        #expect(none.status == 404 && none.reason == "unknown-firmware")
        let late = try await client.post(
            Self.campaigns,
            ["id": "x", "firmware": "2.0", "perMinute": 2, "endsAt": "2026-11-01"])
        #expect(late.status == 409 && late.reason == "expiry-passed")
        #expect(try await client.get("\(Self.campaigns)/x").reason == "unknown-campaign")
        let reserved = try await client.post(
            "/v1/products/lamp/devices/d1/firmware",
            ["id": "campaign.spring", "firmware": "2.0"])
        #expect(reserved.status == 422)
        client.controlPlane.set { $0.firmwareLinks = nil }
        #expect(try await client.post(Self.campaigns, plan("y")).reason == "firmware-not-offered")
    }
}
