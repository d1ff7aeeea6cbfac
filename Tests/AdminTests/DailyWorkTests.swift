import HTTPTypes
import Ledger
import Processes
import Testing
import Time

@testable import Admin

/// What people look up day by day.
@Suite("Daily work", .serves)
struct DailyWorkTests {
    private func world() async throws -> Client {
        let client = try Client()
        try await client.furnish()
        _ = try await client.csv("/v1/products/lamp/devices", "dk,secret\nd1,s\nd2,s\nd3,s\n")
        for device in ["d1", "d2"] {
            _ = try await client.post("/v1/products/lamp/devices/\(device)/activate", [:])
        }
        return client
    }

    private func names(_ answer: Client.Answer) -> [String] {
        (answer.json["items"]?.array ?? []).compactMap { $0["dk"]?.text }
    }

    @Test("B6: the blacklist is a list, and keeps devices that are deleted and come back")
    func blacklist() async throws {
        let client = try await world()
        let path = "/v1/products/lamp"
        for device in ["d1", "d3"] {
            let body: JSON = ["autoRenewal": false]
            let set = try await client.send(
                .put, "\(path)/devices/\(device)/renewal", body.bytes)
            #expect(set.status == 200)
        }
        #expect(names(try await client.get("\(path)/blacklist")) == ["d1", "d3"])
        for device in ["d1", "d3"] {
            #expect(try await client.send(.delete, "\(path)/devices/\(device)").status == 204)
        }
        let deleted = try await client.get("\(path)/blacklist")
        #expect(names(deleted) == ["d1", "d3"])
        #expect(deleted.json["items"]?.array?.first?["registered"] == false)
        let back = try await client.csv("\(path)/devices", "dk,secret\nd1,s\nd3,s\n")
        #expect(back.status == 201)
        for device in ["d1", "d3"] {
            let shown = try await client.get("\(path)/devices/\(device)").json
            #expect(shown["exceptedFromRenewal"] == true && shown["autoRenewal"] == false)
        }
        // Page by page, and as CSV.
        let first = try await client.get("\(path)/blacklist?limit=1")
        let cursor = try #require(first.json["cursor"]?.text)
        #expect(names(first) == ["d1"])
        #expect(names(try await client.get("\(path)/blacklist?cursor=\(cursor)")) == ["d3"])
    }

    @Test("B11: an account tells how many of its devices are near expiry")
    func nearExpiry() async throws {
        let client = try await world()
        #expect(try await client.get("/v1/accounts/acme").json["nearExpiry"] == 2)
        let other: JSON = ["id": "other", "name": "Other", "kind": "individual"]
        _ = try await client.post("/v1/accounts", other)
        #expect(try await client.get("/v1/accounts/other").json["nearExpiry"] == 0)
        // Over for both: nothing is about to end any more.
        client.controlPlane.set { $0.now = $0.now.adding(days: 31) }
        #expect(try await client.get("/v1/accounts/acme").json["nearExpiry"] == 0)
    }

    @Test("a day stands for its first instant, wherever a time is asked for")
    func days() async throws {
        let client = try await world()
        for route in Routes.all where route.method == .get {
            for parameter in route.operation.query where parameter.schema == .timeOrDay {
                let sample = Sample(names: ["account": "acme", "pk": "lamp", "product": "lamp"])
                let path = String(sample.path(of: route).prefix { $0 != "?" })
                for (day, time) in [
                    ("2026-11-21", "2026-11-21T00:00:00Z"), ("2026-11-22", "2026-11-22T00:00:00Z"),
                    ("2026-12-21", "2026-12-21T00:00:00Z"),
                ] {
                    let byDay = try await client.get("\(path)?\(parameter.name)=\(day)")
                    let byTime = try await client.get("\(path)?\(parameter.name)=\(time)")
                    #expect(byDay.status == 200 && byDay.bytes == byTime.bytes, "\(path)")
                }
                for wrong in ["2026-13-01", "2026-11-21T", "21.11.2026", "2026-11-31", "2026-11"] {
                    let answer = try await client.get("\(path)?\(parameter.name)=\(wrong)")
                    #expect(answer.status == 422, "\(path) \(wrong)")
                }
            }
        }
        let codes = "/v1/products/lamp/codes"
        #expect(names(try await client.get("\(codes)?activatedFrom=2026-11-21")).count == 2)
        #expect(names(try await client.get("\(codes)?activatedTo=2026-11-21")).isEmpty)
        #expect(names(try await client.get("\(codes)?activatedTo=2026-11-22")).count == 2)
        let pack = try await client.post(
            "/v1/accounts/acme/topups",
            ["kind": "ota", "quantity": 5, "expiresAt": "2027-01-01"])
        #expect(pack.json["expiresAt"] == "2027-01-01T00:00:00Z", "\(pack.text)")
    }

    @Test("a product that was renamed is found under each name it had, in the history")
    func formerNames() async throws {
        let client = try await world()
        for name in ["Torch", "Beacon"] {
            let body: JSON = ["name": .text(name)]
            let renamed = try await client.send(.patch, "/v1/products/lamp", body.bytes)
            #expect(renamed.json["name"]?.text == name)
        }
        let lists = [
            ("/v1/accounts/acme/assignments?product=", 1), ("/v1/near-expiry?productName=", 2),
        ]
        for (list, count) in lists {
            for name in ["Lamp", "torch", "BEAC"] {
                let items = try await client.get(list + name).json["items"]?.array
                #expect(items?.count == count, "\(list)\(name)")
                let shown = items?.first?["productName"]?.text
                #expect(shown == nil || shown == "Beacon", "\(list)\(name)")
            }
            #expect(try await client.get(list + "Lantern").json["items"]?.array?.isEmpty == true)
        }
    }

    @Test(
        "E1: a contact is the same however its address is written, and a wrong one is answered 422")
    func addresses() async throws {
        let client = try await world()
        let path = "/v1/accounts/acme/contacts"
        func put(_ email: String, _ name: String) async throws -> Client.Answer {
            let body: JSON = ["name": .text(name)]
            return try await client.send(.put, "\(path)/\(email)", body.bytes)
        }
        #expect(try await put("Ann@Mail.example", "Ann").json["email"] == "Ann@mail.example")
        #expect(try await put("ann@mail.example", "Anna").json["email"] == "Ann@mail.example")
        #expect(try await put("bob@mail.example", "Bob").status == 200)
        let contacts = try await client.get(path).json["items"]?.array ?? []
        #expect(contacts.compactMap { $0["name"]?.text }.sorted() == ["Anna", "Bob"])
        #expect(try await client.send(.delete, "\(path)/ANN@MAIL.EXAMPLE").status == 204)
        #expect(try await client.send(.delete, "\(path)/ann@mail.example").status == 404)
        for wrong in [
            "ann", "ann@", "@x.example", "a%40b", "a@b@c.example", "a%20b@c.example", "a@1.2.3.4",
        ] {
            let put = try await put(wrong, "x")
            #expect(put.status == 422 && put.reason == "invalid-request", "\(wrong) \(put.text)")
            #expect(try await client.send(.delete, "\(path)/\(wrong)").status == 422)
        }
    }

    @Test("D1: what an attempt carries is said where attempts are counted")
    func attempts() async throws {
        let client = try await world()
        let path = "/v1/products/lamp/devices/d1/upgrade-allowance"
        #expect(try await client.get(path).json["attemptBytes"] == 5_242_880)
        let document = OpenAPI.document(of: Routes.all)
        let text = String(decoding: document.bytes, as: UTF8.self)
        #expect(text.components(separatedBy: "5 MB").count > 4)
    }
}

extension String {
    fileprivate func components(separatedBy separator: String) -> [Substring] {
        split(separator: separator, omittingEmptySubsequences: false)
    }
}
