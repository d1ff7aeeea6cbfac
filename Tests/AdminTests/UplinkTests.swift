import Admin
import HTTPTypes
import Ledger
import Processes
import Testing

@testable import Gateway

/// Products whose devices' messages go into a stream, and messages to devices that are not asked for by HTTP.
@Suite(.serves) struct UplinkTests {
    private let path = "/v1/products/lamp/uplink"

    @Test("a product's stream is named, shown, an event, and ended")
    func life() async throws {
        let client = try Client()
        try await client.furnish()
        #expect(try await client.get("/v1/products/lamp").json["uplinkStream"] == .null)
        let stream: JSON = ["stream": "LAMPS"]
        let named = try await client.send(.put, path, stream.bytes)
        #expect(named.status == 200 && named.json["uplinkStream"]?.text == "LAMPS")
        let events = try await client.get("/v1/events?limit=1000").json["items"]?.array ?? []
        #expect(events.last?["change"]?.text == "product-uplink-named")
        #expect(events.last?["stream"]?.text == "LAMPS")
        let ended = try await client.send(.delete, path)
        #expect(ended.status == 200 && ended.json["uplinkStream"] == .null)
        #expect(try await client.send(.delete, path).status == 200)
    }

    @Test(
        "names that JetStream does not take are refused", arguments: ["", "a.b", "a b", "*", ">"])
    func names(_ name: String) async throws {
        let client = try Client()
        try await client.furnish()
        let body: JSON = ["stream": .text(name)]
        #expect(try await client.send(.put, path, body.bytes).status == 422)
    }

    @Test("without servers a product can't name a stream, but its end can be put to one")
    func unconfigured() async throws {
        let client = try Client()
        try await client.furnish()
        client.controlPlane.set { $0.offersUplink = false }
        let stream: JSON = ["stream": "LAMPS"]
        let refused = try await client.send(.put, path, stream.bytes)
        #expect(refused.status == 409 && refused.reason == "uplink-not-configured")
        #expect(try await client.send(.delete, path).status == 200)
    }

    @Test("C10: a message to a device is answered as over HTTP")
    func message() async throws {
        let client = try Client()
        try await client.furnish()
        _ = try await client.csv("/v1/products/lamp/devices", "dk,secret\nd.1,s\n")
        let plane = client.controlPlane
        func answer(_ device: String, topic: String? = "set", qos: String? = nil) async -> JSON? {
            let request = DeviceMessageRequest(
                product: "lamp", device: device, topic: topic, qos: qos, payload: [1])
            return JSON(parsing: await request.answer(by: plane))
        }
        #expect(await answer("d%2E1")?["reason"]?.text == "not-connected")
        let identity = DeviceIdentity(product: ProductKey("lamp")!, device: DeviceKey("d.1")!)
        plane.set { $0.online = [identity] }
        #expect(await answer("d%2E1") == ["outcome": "delivered"])
        for fate in DownlinkOutcome.allCases {
            plane.set { $0.fate = fate }
            let found = await answer("d.1", topic: "a%2Fb%20c", qos: "0")
            #expect(found?[fate.refusal == nil ? "outcome" : "reason"]?.text == fate.name)
        }
        for (device, topic, qos) in [
            ("d.1", nil, "0"), ("d.1", "a%2", "0"), ("d.1", "#", "0"), ("d.1", "a", "2"),
            ("d.1", "%FF", "0"), ("d/1", "a", "0"), ("d.1", "a", ""),
        ] {
            let found = await answer(device, topic: topic, qos: qos)
            #expect(found?["reason"]?.text == "invalid-request", "\(device)")
        }
        #expect(await answer("d9")?["reason"]?.text == "unknown-device")
        #expect(
            JSON(parsing: DeviceMessageRequest.tooMany)?["reason"]?.text == "too-much-at-once")
    }
}
