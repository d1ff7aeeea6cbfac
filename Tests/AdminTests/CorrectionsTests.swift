import Gateway
import HTTPTypes
import Ledger
import Processes
import Testing

@testable import Admin

@Suite("Corrections over HTTP", .serves)
struct CorrectionsTests {
    private static let cause: JSON = ["cause": "a mistake"]

    @Test("A11, B17: owners void purchases, assignments and activations, and move activations")
    func corrections() async throws {
        let client = try Client()
        try await client.furnish(codes: 10, assigned: 4)
        _ = try await client.post(
            "/v1/products/lamp/devices", ["devices": [["dk": "d1"], ["dk": "d2"]]])
        let device = "/v1/products/lamp/devices/d1"
        #expect(try await client.post("\(device)/activate", [:]).status == 200)

        let moved = try await client.post(
            "\(device)/move", ["to": "d2", "cause": "repaired"])
        #expect(moved.status == 200 && moved.json["change"]?.text == "entitlement-moved")
        #expect(try await client.get(device).json["state"]?.text == "inactive")
        let other = "/v1/products/lamp/devices/d2"
        #expect(try await client.get(other).json["state"]?.text == "active")
        let none = try await client.post("\(device)/void-activation", Self.cause)
        #expect(none.status == 409 && none.reason == "nothing-consumed")
        let voided = try await client.post("\(other)/void-activation", Self.cause)
        #expect(voided.status == 200 && voided.json["cause"]?.text == "a mistake")
        #expect(try await client.get("/v1/products/lamp").json["codes"]?["consumed"] == 0)

        let assignments = "/v1/accounts/acme/assignments"
        let list = try await client.get(assignments).json["items"]?.array
        let sequence = try #require(list?.first?["sequence"])
        let back = try await client.post(
            "\(assignments)/\(String(decoding: sequence.bytes, as: UTF8.self))/void", Self.cause)
        #expect(back.status == 200 && back.json["quantity"] == 3)
        #expect(try await client.get(assignments).json["items"]?.array?.first?["voided"] == 3)

        let purchases = "/v1/accounts/acme/purchases"
        let code = try #require(
            try await client.get(purchases).json["items"]?.array?.first?["firstCode"]?.text)
        let refund = try await client.post("\(purchases)/\(code)/void", Self.cause)
        #expect(refund.status == 200 && refund.json["quantity"] == 10)
        #expect(try await client.get("/v1/accounts/acme").json["codes"]?["unassigned"] == 0)
        let twice = try await client.post("\(purchases)/\(code)/void", Self.cause)
        #expect(twice.status == 409 && twice.reason == "nothing-to-void")
        let unknown = ActivationCode(serial: 99)
        let missing = try await client.post("\(purchases)/\(unknown)/void", Self.cause)
        #expect(missing.status == 404 && missing.reason == "unknown-purchase")
        #expect(try client.controlPlane.ledger.verify() == [])
    }

    @Test("A11: an owner voids a top-up pack, which its figures and the list of changes show")
    func topUps() async throws {
        let client = try Client()
        try await client.furnish()
        let path = "/v1/accounts/acme/topups"
        let pack = try await client.post(
            path, ["kind": "messages", "quantity": 9, "expiresAt": "2100-01-01"])
        let id = try #require(pack.json["id"]?.integer)
        let voided = try await client.post("\(path)/\(id)/void", Self.cause)
        #expect(voided.status == 200 && voided.json["change"]?.text == "top-up-pack-voided")
        #expect(voided.json["units"] == 9 && voided.json["pack"] == pack.json["id"])
        let shown = try await client.get(path).json["items"]?.array?.first
        #expect(shown?["voided"] == 9 && shown?["remaining"] == 0)
        let changes = try await client.get("\(path)/changes").json["items"]?.array
        #expect(changes?.map { $0["change"]?.text } == ["void", "purchase"])
        let twice = try await client.post("\(path)/\(id)/void", Self.cause)
        #expect(twice.status == 409 && twice.reason == "nothing-to-void")
        let missing = try await client.post("\(path)/1/void", Self.cause)
        #expect(missing.status == 404 && missing.reason == "unknown-top-up")
        #expect(try client.controlPlane.ledger.verify() == [])
    }

    @Test("A11: nobody but an owner corrects anything")
    func roles() async throws {
        let client = try Client()
        try await client.furnish()
        for role in ["operator", "application"] {
            let key = try await client.post("/v1/keys", ["name": "K", "role": .text(role)])
            let token = try #require(key.json["token"]?.text)
            for path in [
                "accounts/acme/purchases/\(ActivationCode(serial: 1))/void",
                "accounts/acme/assignments/1/void", "accounts/acme/topups/1/void",
                "products/lamp/devices/d1/void-activation",
                "products/lamp/devices/d1/move",
            ] {
                let answer = try await client.send(
                    .post, "/v1/\(path)", Self.cause.bytes, token: token)
                #expect(answer.status == 403, "\(role): \(path)")
            }
        }
    }

    @Test("A4, A6: what can be assigned together is told, and assigned without a package's name")
    func consistentPackages() async throws {
        let client = try Client(freeCodes: .perAccount)
        try await client.furnish(codes: 2, assigned: 0)
        _ = try await client.post(
            "/v1/packages",
            ["id": "twin", "name": "T", "validityDays": 30, "messagesPerDay": 1_500])
        _ = try await client.post(
            "/v1/accounts/acme/purchases", ["package": "twin", "quantity": 3])
        let first = try await client.post(
            "/v1/accounts/acme/assignments",
            ["product": "lamp", "quantity": 2, "package": "free"])
        #expect(first.status == 201)
        // Bought codes take the place of the free ones' package.
        let bought = try await client.post(
            "/v1/accounts/acme/purchases",
            ["package": "basic", "quantity": 1, "product": "lamp"])
        #expect(bought.status == 201)
        #expect(try await client.get("/v1/products/lamp").json["package"]?.text == "basic")
        let path = "/v1/accounts/acme/assignable?product=lamp"
        // Two of "basic", three of "twin", and the eight free codes that are left.
        #expect(try await client.get(path).json["quantity"] == 13)
        let all = try await client.post(
            "/v1/accounts/acme/assignments", ["product": "lamp", "quantity": 13])
        #expect(all.status == 201)
        #expect(try await client.get(path).json["quantity"] == 0)
        #expect(try client.controlPlane.ledger.verify() == [])
    }

    @Test("B16: the clock is shown, and confirmed")
    func clock() async throws {
        let client = try Client()
        try await client.furnish()
        let ledger = client.controlPlane.ledger
        func beat() async throws {
            _ = try await ledger.submit(
                Command(
                    at: client.controlPlane.now, actor: "gateway",
                    action: .clock(
                        .beat(aheadMilliseconds: 86_400_000, elapsedMilliseconds: 0))))
        }
        try await beat()
        #expect(try await client.get("/v1/clock").json["believed"] == true)
        client.controlPlane.advance(milliseconds: 400 * 86_400_000)
        let shown = try await client.get("/v1/clock")
        #expect(shown.json["believed"] == false && shown.json["doubt"]?.text == "ahead")
        _ = try await client.post("/v1/products/lamp/devices", ["devices": [["dk": "d1"]]])
        let device = "/v1/products/lamp/devices/d1/activate"
        let refused = try await client.post(device, [:])
        #expect(refused.status == 503 && refused.reason == "clock-doubted")
        let confirmed = try await client.post("/v1/clock/confirm", [:])
        #expect(confirmed.status == 200 && confirmed.json["believed"] == true)
        #expect(try await client.post(device, [:]).status == 200)
    }

    @Test("A product's secret is shown to its account, rotated and revoked")
    func productSecrets() async throws {
        let client = try Client()
        try await client.furnish()
        let path = "/v1/products/lamp/secret"
        let first = try #require(try await client.get(path).json["secret"]?.text)
        let rotated = try await client.post("\(path)/rotate", ["overlapHours": 2])
        let second = try #require(rotated.json["secret"]?.text)
        #expect(rotated.status == 200 && second != first)
        #expect(rotated.json["previousUntil"]?.text != nil)
        #expect(try await client.get(path).json == rotated.json)
        let key = try await client.post(
            "/v1/keys", ["name": "S", "role": "sub-account", "account": "acme"])
        let token = try #require(key.json["token"]?.text)
        #expect(try await client.get(path, token: token).json["secret"]?.text == second)
        #expect(try await client.post("\(path)/revoke", [:]).json["secret"] == .null)
        #expect(try await client.get(path).json["secret"] == .null)
    }
}
