import Gateway
import HTTPTypes
import Ledger
import Processes
import Storage
import Testing
import Time

@testable import Admin

@Suite("Devices over HTTP", .serves)
struct DevicesTests {
    private let path = "/v1/products/lamp/devices"

    /// Connects a device, as the gateway would.
    private func activate(_ key: String, _ client: Client) async throws {
        let product = try #require(ProductKey("lamp"))
        let identity = DeviceIdentity(product: product, device: try #require(DeviceKey(key)))
        let command = Command(
            at: client.controlPlane.now,
            actor: "gateway",
            action: .devices(.activate(identity, confirmsSecret: nil))
        )
        let outcome = try await client.controlPlane.submit(command)
        #expect(outcome.effect != nil)
    }

    @Test("a CSV import makes the devices, and the secrets that are missing")
    func importCSV() async throws {
        let client = try Client()
        try await client.furnish()
        let answer = try await client.csv(
            path, "dk,secret,name\r\nd1,s3cret,\"Hall, left\"\r\nd2,,\r\n")
        #expect(answer.status == 201)
        let lines = answer.text.split(separator: "\r\n").map(String.init)
        #expect(lines.count == 3 && lines[0] == "dk,secret,name")
        #expect(lines[1] == "d1,s3cret,\"Hall, left\"")
        let made = lines[2].split(separator: ",", omittingEmptySubsequences: false)
        #expect(made[0] == "d2" && made[1].utf8.count == 32)
        let device = try await client.get("\(path)/d1")
        #expect(device.json["name"]?.text == "Hall, left")
        #expect(device.json["state"]?.text == "inactive")
        #expect(device.json["activatedAt"] == .null && device.json["codesConsumed"] == 0)
        #expect(try await client.get("/v1/products/lamp").json["devices"]?["known"] == 2)
    }

    @Test(
        "nothing of a bad file is imported, and its line is named",
        arguments: [
            ("dk,secret\nd1,a\nd2;b\n", 3, "invalid-csv"),
            ("dk,secret\nd1,a\n\n\nd/2,b\n", 5, "invalid-csv"),
            ("dk,secret\nd1,a\nd1,b\n", 3, "import-line"),
            ("dk,secret\nd1,a\nold,b\n", 3, "import-line"),
            ("dk,secret\nd1,\"a\nd2,b\n", 2, "invalid-csv"),
            ("dk,secret\nd1,a b\n", 2, "invalid-csv"),
            ("dk,secrets\nd1,a\n", 1, "invalid-csv"),
            ("dk\nd1\n", 1, "invalid-csv"),
            ("", 1, "invalid-csv"),
        ]
    )
    func badCSV(_ text: String, _ line: Int64, _ reason: String) async throws {
        let client = try Client()
        try await client.furnish()
        _ = try await client.csv(path, "dk,secret\nold,x\n")
        let answer = try await client.csv(path, text)
        #expect(answer.status == (reason == "import-line" ? 409 : 422))
        #expect(answer.reason == reason)
        #expect(answer.json["line"]?.integer == line)
        #expect(try await client.get("/v1/products/lamp").json["devices"]?["known"] == 1)
    }

    @Test("a JSON import does the same, and names the element that is wrong")
    func importJSON() async throws {
        let client = try Client()
        try await client.furnish()
        let good = try await client.post(
            path, ["devices": [["dk": "d1", "secret": "x"], ["dk": "d2", "name": "Hall"]]])
        #expect(good.status == 201 && good.json["imported"] == 2)
        #expect(good.json["devices"]?.array?.last?["secret"]?.text?.utf8.count == 32)
        let bad = try await client.post(path, ["devices": [["dk": "d3"], ["dk": ""]]])
        #expect(bad.status == 422)
        #expect(bad.json["detail"]?.text?.hasPrefix("devices[1].dk: ") == true)
        let type = try await client.send(.post, path, [1], type: "application/xml")
        #expect(type.status == 415)
        #expect(try await client.get("/v1/products/lamp").json["devices"]?["known"] == 2)
    }

    @Test("B14: a product counts devices known, active and online; a list filters by state")
    func figures() async throws {
        let client = try Client()
        try await client.furnish()
        _ = try await client.csv(path, "dk,secret\nd1,a\nd2,b\nd3,c\n")
        try await activate("d1", client)
        let product = try #require(ProductKey("lamp"))
        let device = try #require(DeviceKey("d1"))
        client.controlPlane.set { state in
            state.online = [DeviceIdentity(product: product, device: device)]
        }
        let figures = try await client.get("/v1/products/lamp").json
        for (name, count) in [("known", 3), ("active", 1), ("online", 1)] as [(String, Int64)] {
            #expect(figures["devices"]?[name]?.integer == count)
        }
        #expect(figures["codes"]?["consumed"] == 1 && figures["codes"]?["remaining"] == 4)
        let active = try await client.get("\(path)?state=active").json["items"]?.array ?? []
        #expect(active.count == 1 && active.first?["dk"]?.text == "d1")
        #expect(active.first?["online"] == true && active.first?["codesConsumed"] == 1)
        #expect(active.first?["expiresAt"]?.text == "2026-12-21T08:00:00Z")
        let inactive = try await client.get("\(path)?state=inactive&limit=1").json
        #expect(inactive["items"]?.array?.count == 1 && inactive["cursor"] != .null)
    }

    @Test("B10: consumed codes are found by device, activation date and expiry date")
    func codes() async throws {
        let client = try Client()
        try await client.furnish()
        _ = try await client.csv(path, "dk,secret\nd1,a\nd2,b\n")
        try await activate("d1", client)
        client.controlPlane.set { $0.now = $0.now.adding(days: 1) }
        try await activate("d2", client)
        func found(_ query: String) async throws -> [String] {
            let answer = try await client.get("/v1/products/lamp/codes?\(query)")
            return answer.json["items"]?.array?.compactMap { $0["dk"]?.text } ?? [answer.text]
        }
        #expect(try await found("") == ["d1", "d2"])
        #expect(try await found("device=d2") == ["d2"])
        #expect(try await found("activatedFrom=2026-11-22T00:00:00Z") == ["d2"])
        #expect(try await found("activatedTo=2026-11-22T00%3A00%3A00Z") == ["d1"])
        #expect(try await found("expiresTo=2026-12-22T00:00:00Z") == ["d1"])
        let own = try await client.get("\(path)/d1/activations").json["items"]?.array ?? []
        #expect(own.count == 1 && own.first?["cause"]?.text == "first")
        #expect(own.first?["code"]?.text?.isEmpty == false)
    }

    @Test("B11: near expiry is 30 days unless it is asked otherwise, earliest first")
    func nearExpiry() async throws {
        let client = try Client()
        try await client.furnish()
        _ = try await client.csv(path, "dk,secret\nd1,a\n")
        try await activate("d1", client)
        let near = try await client.get("/v1/near-expiry?productName=lam")
        #expect(near.json["items"]?.array?.compactMap { $0["dk"]?.text } == ["d1"])
        let few = try await client.get("/v1/near-expiry?days=29")
        #expect(few.json["items"]?.array?.isEmpty == true)
    }

    @Test("B11: those near expiry are found by product, DK, activation date and expiry date")
    func nearExpirySearches() async throws {
        let client = try Client()
        try await client.furnish()
        _ = try await client.csv(path, "dk,secret\nd1,a\nd2,b\n")
        try await activate("d1", client)
        client.controlPlane.set { $0.now = $0.now.adding(days: 1) }
        try await activate("d2", client)
        func found(_ query: String) async throws -> [String] {
            let answer = try await client.get("/v1/near-expiry?\(query)")
            return answer.json["items"]?.array?.compactMap { $0["dk"]?.text } ?? [answer.text]
        }
        for (query, devices) in [
            ("", ["d1", "d2"]), ("product=lamp", ["d1", "d2"]), ("product=other", []),
            ("productName=AM", ["d1", "d2"]), ("device=d2", ["d2"]),
            ("account=acme", ["d1", "d2"]),
            ("account=nobody", []), ("activatedFrom=2026-11-22T00:00:00Z", ["d2"]),
            ("activatedTo=2026-11-22T00:00:00Z", ["d1"]),
            ("expiresFrom=2026-12-22T00:00:00Z", ["d2"]),
            ("expiresTo=2026-12-22T00:00:00Z&product=lamp", ["d1"]),
        ] {
            #expect(try await found(query) == devices, "\(query)")
        }
    }

    @Test("B15: a dry run says how it would end, and nothing happens")
    func dryRun() async throws {
        let client = try Client()
        try await client.furnish(codes: 1, assigned: 1)
        _ = try await client.csv(path, "dk,secret\nd1,a\nd2,b\n")
        func ask(_ device: String) async throws -> JSON {
            try await client.get("\(path)/\(device)/admission").json
        }
        for _ in 0..<2 {
            let first = try await ask("d1")
            #expect(first["admitted"] == true && first["consumes"]?.text == "first")
        }
        #expect(try await client.get("/v1/products/lamp").json["codes"]?["consumed"] == 0)
        try await activate("d1", client)
        let known = try await ask("d1")
        #expect(known["admitted"] == true && known["consumes"] == .null)
        #expect(known["until"]?.text == "2026-12-21T08:00:00Z")
        let late = try await ask("d2")
        #expect(late["admitted"] == false && late["reason"]?.text == "no-code-left")
        #expect(late["detail"]?.text == "product lamp has no activation code left")
        #expect(try await ask("nobody")["reason"]?.text == "unknown-device")
        #expect(try await client.get("/v1/products/none/devices/d1/admission").status == 404)
    }

    @Test("B6: a device's renewal can be changed only while the product's is on")
    func renewal() async throws {
        let client = try Client()
        try await client.furnish()
        _ = try await client.csv(path, "dk,secret\nd1,a\n")
        let off = (["autoRenewal": false] as JSON).bytes
        let changed = try await client.send(.put, "\(path)/d1/renewal", off)
        #expect(changed.status == 200 && changed.json["autoRenewal"] == false)
        _ = try await client.send(.patch, "/v1/products/lamp", off)
        let refused = try await client.send(.put, "\(path)/d1/renewal", off)
        #expect(refused.status == 409 && refused.reason == "product-renewal-off")
    }

    @Test("B12: a device is disabled and enabled; B7: activated by hand; its secret is reset")
    func actions() async throws {
        let client = try Client()
        try await client.furnish()
        _ = try await client.csv(path, "dk,secret\nd1,a\n")
        let disabled = try await client.post("\(path)/d1/disable", [:])
        #expect(disabled.json["state"]?.text == "disabled")
        let enabled = try await client.post("\(path)/d1/enable", [:])
        #expect(enabled.json["state"]?.text == "inactive")
        let active = try await client.post("\(path)/d1/activate", [:])
        #expect(active.json["state"]?.text == "active" && active.json["codesConsumed"] == 1)
        let again = try await client.post("\(path)/d1/activate", [:])
        #expect(again.status == 409 && again.reason == "entitlement-runs")
        let reset = try await client.post("\(path)/d1/reset-secret", [:])
        #expect(reset.json["secret"]?.text?.utf8.count == 32)
        #expect(try await client.send(.delete, "\(path)/d1").status == 204)
        #expect(try await client.get("\(path)/d1").status == 404)
    }

    @Test("A4: what free codes give is shown of the product, what its own code gives of a device")
    func ownAllowances() async throws {
        let client = try Client(freeCodes: .perAccount)
        try await client.furnish(codes: 0, assigned: 0)
        _ = try await client.post(
            "/v1/packages",
            [
                "id": "gold", "name": "Gold", "validityDays": 60, "messagesPerDay": 9_000,
                "otaPerMonth": 4,
            ])
        _ = try await client.csv(path, "dk,secret\nd1,a\nd2,b\n")
        func product() async throws -> JSON { try await client.get("/v1/products/lamp").json }
        #expect(try await product()["freeAllowance"] == .null)
        _ = try await client.post(
            "/v1/accounts/acme/assignments",
            ["product": "lamp", "quantity": 1, "package": "free"])
        #expect(try await product()["freeAllowance"] == .null)
        try await activate("d1", client)
        let limit = try await client.get("\(path)/d1/usage").json["limit"]
        let attempts = try await client.get("\(path)/d1/upgrade-allowance").json["allowance"]
        _ = try await client.post(
            "/v1/accounts/acme/purchases",
            ["package": "gold", "quantity": 1, "product": "lamp"])
        try await activate("d2", client)
        let free = try await product()["freeAllowance"]
        #expect(free?["messagesPerDay"] == limit && free?["otaPerMonth"] == attempts)
        #expect(free?["validityDays"] != .null && free?["storageDays"] != .null)
        #expect(try await client.get("\(path)/d1/usage").json["limit"] == limit)
        #expect(
            try await client.get("\(path)/d1/upgrade-allowance").json["allowance"] == attempts)
        #expect(try await client.get("\(path)/d2/usage").json["limit"] == 9_000)
        #expect(try await client.get("\(path)/d2/upgrade-allowance").json["allowance"] == 4)
        // Its own free codes that are left can join.
        let assignable = try await client.get("/v1/accounts/acme/assignable?product=lamp")
        #expect(assignable.json["quantity"] == 9)
        let rest = try await client.post(
            "/v1/accounts/acme/assignments", ["product": "lamp", "quantity": 9])
        #expect(rest.status == 201)
        #expect(try await product()["package"]?.text == "gold")
        #expect(try client.controlPlane.ledger.verify() == [])
    }

    @Test("C8: usage shows the limit and the days")
    func usage() async throws {
        let client = try Client()
        try await client.furnish(codes: 1, assigned: 1)
        _ = try await client.csv(path, "dk,secret\nd1,a\n")
        try await activate("d1", client)
        let usage = try await client.get("\(path)/d1/usage").json
        #expect(usage["day"]?.text == "2026-11-21" && usage["limit"] == 1_500)
        #expect(usage["used"] == 12 && usage["history"]?.array?.count == 1)
    }

    @Test("a connection is shown and kicked")
    func connection() async throws {
        let client = try Client()
        try await client.furnish()
        _ = try await client.csv(path, "dk,secret\na:1@x,a\n")
        let device = "\(path)/a%3A1@x/connection"
        #expect(try await client.get(device).reason == "not-connected")
        let identity = DeviceIdentity(
            product: try #require(ProductKey("lamp")),
            device: try #require(DeviceKey("a:1@x"))
        )
        client.controlPlane.set { $0.online = [identity] }
        let shown = try await client.get(device)
        #expect(shown.json["tls"]?["version"]?.text == "TLSv1.3")
        #expect(try await client.send(.delete, device).status == 204)
        #expect(try await client.send(.delete, device).status == 404)
    }

    @Test(
        "a device and its dry run show how it was last refused, and how its last connection ended")
    func outcomes() async throws {
        let client = try Client()
        try await client.furnish()
        _ = try await client.csv(path, "dk,secret\nd1,a\n")
        let identity = DeviceIdentity(
            product: try #require(ProductKey("lamp")), device: try #require(DeviceKey("d1")))
        for document in ["\(path)/d1", "\(path)/d1/admission"] {
            let answer = try await client.get(document).json
            #expect(answer["lastRefusal"] == .null && answer["lastEnding"] == .null)
        }
        let at = client.controlPlane.now
        client.controlPlane.set { state in
            state.outcomes[identity] = DeviceOutcomes(
                lastRefusal: ConnectionOutcome(
                    reason: .noCodeLeft, at: at, address: "192.0.2.1:5", listener: "devices"),
                lastEnding: ConnectionOutcome(
                    reason: .keepAliveTimeout, at: at, address: "192.0.2.1:4", listener: "devices")
            )
        }
        for document in ["\(path)/d1", "\(path)/d1/admission"] {
            let answer = try await client.get(document).json
            #expect(answer["lastRefusal"]?["reason"]?.text == "no-code-left")
            #expect(answer["lastRefusal"]?["remedy"]?.text == Reason.noCodeLeft.remedy)
            #expect(answer["lastRefusal"]?["address"]?.text == "192.0.2.1:5")
            #expect(answer["lastEnding"]?["reason"]?.text == "keep-alive-timeout")
            #expect(answer["lastEnding"]?["listener"]?.text == "devices")
            #expect(answer["lastEnding"]?["at"] == JSON(at))
        }
        _ = try await client.csv(path, "dk,secret\nd2,a\n")
        let listed = try await client.get(path).json["items"]?.array ?? []
        #expect(listed.map { $0["lastRefusal"]?["reason"]?.text } == ["no-code-left", nil])
    }

    @Test("a trace is a stream of events, and nothing else")
    func trace() async throws {
        let client = try Client()
        try await client.furnish()
        _ = try await client.csv(path, "dk,secret\nd1,a\n")
        for accept in ["application/json", "text/html, text/event-stream;q=0", "image/*"] {
            let answer = try await client.send(
                .get, "\(path)/d1/trace", headers: ["Accept": accept])
            #expect(answer.status == 406 && answer.reason == "not-acceptable")
        }
        #expect(try await client.get("\(path)/d2/trace").reason == "unknown-device")
    }

    @Test("the presence of a product's devices is a stream of events, and nothing else")
    func watch() async throws {
        let client = try Client()
        try await client.furnish()
        let refused = try await client.send(
            .get, "/v1/products/lamp/presence", headers: ["Accept": "application/json"])
        #expect(refused.status == 406 && refused.reason == "not-acceptable")
        #expect(
            try await client.get("/v1/products/chair/presence").reason == "unknown-product")
        let device = DeviceIdentity(
            product: try #require(ProductKey("lamp")), device: try #require(DeviceKey("d1")))
        let at = client.controlPlane.now
        let came = PresenceEvent(
            device: device, state: .connected(address: "192.0.2.1:5", listener: "tls"), at: at,
            connectedAt: at, protocolVersion: "5.0")
        let went = PresenceEvent(
            device: device, state: .disconnected(.keepAliveTimeout), at: at, connectedAt: at,
            protocolVersion: "5.0", node: "n2")
        #expect(
            [came, went].map { String(decoding: Documents.presence($0).bytes, as: UTF8.self) } == [
                """
                {"at":"\(at)","event":"connected","pk":"lamp","dk":"d1","connectedAt":"\(at)",\
                "protocolVersion":"5.0","address":"192.0.2.1:5","listener":"tls"}
                """,
                """
                {"at":"\(at)","event":"disconnected","pk":"lamp","dk":"d1","connectedAt":"\(at)",\
                "protocolVersion":"5.0","reason":"keep-alive-timeout","node":"n2"}
                """,
            ])
    }

    @Test("C10: a message is sent to a device as text or bytes, and its fate is the answer")
    func messages() async throws {
        let client = try Client()
        try await client.furnish()
        _ = try await client.csv(path, "dk,secret\nd1,a\n")
        let messages = "\(path)/d1/messages"
        let text: JSON = ["topic": "set/a", "payload": "grün"]
        let absent = try await client.post(messages, text)
        #expect(absent.status == 404 && absent.reason == "not-connected")
        #expect(try await client.post("\(path)/d2/messages", text).reason == "unknown-device")
        let identity = DeviceIdentity(
            product: try #require(ProductKey("lamp")), device: try #require(DeviceKey("d1")))
        client.controlPlane.set { $0.online = [identity] }
        #expect(try await client.post(messages, text).json["outcome"]?.text == "delivered")
        let binary: JSON = ["topic": "x", "payloadBase64": "AP8Q", "qos": 0]
        client.controlPlane.set { $0.fate = .queued }
        #expect(try await client.post(messages, binary).json["outcome"]?.text == "queued")
        client.controlPlane.set { state in
            #expect(state.sent.map(\.topic.text) == ["set/a", "x"])
            #expect(state.sent.map(\.payload) == [Array("grün".utf8), [0x00, 0xFF, 0x10]])
            #expect(state.sent.map(\.isAtLeastOnce) == [true, false])
        }
        for (fate, status) in [
            (DownlinkOutcome.noSubscription, 409), (.quotaExceeded, 409), (.tooLarge, 413),
            (.queueFull, 409), (.expired, 409), (.notStored, 503),
        ] {
            client.controlPlane.set { $0.fate = fate }
            let answer = try await client.post(messages, text)
            #expect(answer.status == status && answer.reason == fate.name)
        }
        for bad: JSON in [
            ["topic": "set"], ["payload": "x"], ["topic": "a/+", "payload": "x"],
            ["topic": "", "payload": "x"], ["topic": "a", "payload": "x", "qos": 2],
            ["topic": "a", "payload": "x", "payloadBase64": ""],
            ["topic": "a", "payloadBase64": "AP8"], ["topic": "a", "payloadBase64": "=AP8"],
        ] {
            #expect(try await client.post(messages, bad).status == 422, "\(bad)")
        }
    }

    @Test("a list goes on by its own cursor only: another list's, or other filters', is a problem")
    func cursors() async throws {
        let client = try Client()
        try await client.furnish()
        _ = try await client.csv("/v1/products/lamp/devices", "dk,secret\nd1,\nd2,\nd3,\n")
        let path = "/v1/products/lamp/devices?limit=1"
        let first = try await client.get(path).json
        let cursor = try #require(first["cursor"]?.text)
        let second = try await client.get("\(path)&cursor=\(cursor)").json
        #expect(second["items"]?.array?.first?["dk"]?.text == "d2")
        for other in [
            "/v1/products/lamp/devices?state=inactive&cursor=\(cursor)",
            "/v1/products/lamp/codes?cursor=\(cursor)",
            "/v1/near-expiry?cursor=\(cursor)",
            "/v1/packages?cursor=\(cursor)",
            "\(path)&cursor=\(cursor)00",
        ] {
            let answer = try await client.get(other)
            #expect(answer.status == 404 && answer.reason == "unknown-cursor", "\(other)")
        }
    }
}
