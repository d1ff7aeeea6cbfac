import HTTPTypes
import Ledger
import Processes
import Testing
import Time

@testable import Admin

/// An account's authorities by the API.
@Suite("Authorities", .serves)
struct AuthorityTests {
    private static let path = "/v1/accounts/acme/authorities"

    private func world() async throws -> Client {
        let client = try Client()
        for account in ["acme", "other"] {
            _ = try await client.post(
                "/v1/accounts", ["id": .text(account), "name": "A", "kind": "enterprise"])
        }
        return client
    }

    private func register(
        _ client: Client, _ certificate: String = SampleAuthority.certificate,
        _ proof: String = SampleAuthority.proof, of account: String = "acme"
    ) async throws -> Client.Answer {
        try await client.post(
            "/v1/accounts/\(account)/authorities",
            ["name": "Factory", "certificate": .text(certificate), "proof": .text(proof)])
    }

    @Test("an authority is registered with its proof, listed, shown, switched and removed")
    func life() async throws {
        let client = try await world()
        let code = try await client.get("/v1/accounts/acme/authority-code")
        #expect(code.json["code"]?.text == SampleAuthority.code)
        let made = try await register(client)
        #expect(made.status == 201, "\(made.text)")
        #expect(made.json["id"]?.text == SampleAuthority.id)
        #expect(made.json["subject"]?.text == "CN=Acme factory 1")
        #expect(made.json["notAfter"]?.text == "2099-01-01T00:00:00Z")
        #expect(made.json["on"]?.bool == true)
        #expect(made.json["nearEnd"]?.bool == false && made.json["crlOverdue"]?.bool == false)
        #expect((made.json["daysLeft"]?.integer ?? 0) > 365)
        let listed = try await client.get(Self.path)
        #expect(listed.json["items"]?.array?.count == 1)
        #expect(try await client.get("/v1/accounts/other/authorities").json["items"]?.array == [])
        let one = "\(Self.path)/\(SampleAuthority.id)"
        let shown = try await client.get(one)
        #expect(shown.json["certificate"]?.text == SampleAuthority.certificate)
        let off = try await client.send(.patch, one, (["on": false] as JSON).bytes)
        #expect(off.status == 200 && off.json["on"]?.bool == false)
        // By another account's path it is not there.
        let strange = try await client.get("/v1/accounts/other/authorities/\(SampleAuthority.id)")
        #expect(strange.reason == "unknown-authority")
        #expect(try await client.send(.delete, one).status == 204)
        #expect(try await client.send(.delete, one).reason == "unknown-authority")
        let events = try await client.get("/v1/events?limit=1000")
        for change in ["authority-registered", "authority-updated", "authority-removed"] {
            #expect(events.text.contains("\"\(change)\""), "\(change)")
        }
        #expect(try client.controlPlane.ledger.verify() == [])
    }

    @Test("one certificate is one account's, whoever else has its key")
    func duplicates() async throws {
        let client = try await world()
        let made = try await register(client)
        #expect(made.status == 201)
        let again = try await register(client)
        #expect(again.reason == "already-exists")
        let other = try await register(
            client, SampleAuthority.certificate, SampleAuthority.proofOfOther, of: "other")
        #expect(other.reason == "already-exists")
    }

    @Test("what proves nothing, or is no authority's, is refused and not told again")
    func refused() async throws {
        let client = try await world()
        let key =
            "-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMGByqGSM49\n-----END PRIVATE KEY-----\n"
        let (certificate, proof) = (SampleAuthority.certificate, SampleAuthority.proof)
        for (certificate, proof, detail) in [
            (certificate, SampleAuthority.proofOfOther, "proof: the proof's CN"),
            (certificate, SampleAuthority.proofOfNone, "proof: the proof's CN"),
            (certificate, certificate, "proof: the proof's CN"),
            (proof, proof, "certificate: it is no authority's"),
            ("hello", proof, "certificate: there is no certificate"),
            (certificate + "\n" + certificate, proof, "certificate: send one certificate alone"),
            (key, proof, "certificate: there is a private key"),
            (certificate + "\n" + key, proof, "certificate: there is a private key"),
            (certificate, key, "proof: there is a private key"),
        ] {
            let answer = try await register(client, certificate, proof)
            #expect(answer.status == 409 && answer.reason == "authority-not-usable")
            let told = answer.json["detail"]?.text ?? ""
            #expect(told.hasPrefix(detail), "\(told)")
            #expect(!answer.text.contains("MIGHAgEAMBMGByqGSM49"))
        }
        let huge = try await register(client, String(repeating: "A", count: 20_000), proof)
        #expect(huge.reason == "invalid-request")
        let vast = try await register(client, String(repeating: "A", count: 200_000), proof)
        #expect(vast.status == 413)
        let events = try await client.get("/v1/events?limit=1000")
        #expect(!events.text.contains("authority"))
    }

    @Test(
        "E6: a list of revoked certificates is taken in PEM and in DER, shown, and never goes back")
    func revocations() async throws {
        let client = try await world()
        _ = try await register(client)
        let one = "\(Self.path)/\(SampleAuthority.id)"
        func put(_ list: String) async throws -> Client.Answer {
            try await client.send(.put, "\(one)/crl", (["crl": .text(list)] as JSON).bytes)
        }
        let before = try await client.get(one)
        #expect(before.json["revoked"]?.integer == 0)
        #expect(before.json["crlNextUpdate"] == .null)
        let first = try await put(SampleAuthority.Revocations.former)
        #expect(first.status == 200, "\(first.text)")
        #expect(first.json["revoked"]?.integer == 2)
        #expect(first.json["crlNumber"]?.text == "05")
        #expect(first.json["crlThisUpdate"]?.text == "2026-11-01T00:00:00Z")
        #expect(first.json["crlNextUpdate"]?.text == "2026-12-01T00:00:00Z")
        // DER is what stands between the lines of PEM.
        let der = SampleAuthority.Revocations.later.split(separator: "\n").dropFirst().dropLast()
        let second = try await put(der.joined())
        #expect(second.status == 200, "\(second.text)")
        #expect(second.json["revoked"]?.integer == 1)
        #expect(second.json["crlNumber"]?.text == "06")
        let older = try await put(SampleAuthority.Revocations.former)
        #expect(older.status == 409 && older.reason == "revocation-list-older")
        let listed = try await client.get(Self.path)
        #expect(listed.json["items"]?.array?.first?["revoked"]?.integer == 1)
        let events = try await client.get("/v1/events?limit=1000")
        #expect(events.text.contains("\"authority-revocations-set\""))
        #expect(try await client.send(.delete, one).status == 204)
        #expect(try await put(SampleAuthority.Revocations.later).reason == "unknown-authority")
        #expect(try client.controlPlane.ledger.verify() == [])
    }

    @Test("E6: what is no list of the authority's is refused, and changes nothing")
    func strangeLists() async throws {
        let client = try await world()
        _ = try await register(client)
        let one = "\(Self.path)/\(SampleAuthority.id)"
        for (list, detail) in [
            (SampleAuthority.Revocations.ofAnother, "crl: it was not signed by"),
            (SampleAuthority.certificate, "crl: there is no list"),
            ("AAAA", "crl: there is no list"),
            ("hello", "crl: there is no list"),
            ("-----BEGIN PRIVATE KEY-----\nMIGH\n", "crl: there is a private key"),
        ] {
            let answer = try await client.send(
                .put, "\(one)/crl", (["crl": .text(list)] as JSON).bytes)
            #expect(answer.reason == "revocation-list-not-usable", "\(answer.text)")
            let told = answer.json["detail"]?.text ?? ""
            #expect(told.hasPrefix(detail), "\(told)")
        }
        #expect(try await client.get(one).json["crlThisUpdate"] == .null)
    }

    @Test(
        "an authority within 30 days of its end is marked, and so is a list whose successor is late"
    )
    func ends() async throws {
        let client = try await world()
        _ = try await register(client)
        let one = "\(Self.path)/\(SampleAuthority.id)"
        func seconds(_ text: String) throws -> Int64 {
            try #require(Timestamp(text)).milliseconds
        }
        func go(to text: String) throws {
            let now = client.controlPlane.now.milliseconds
            client.controlPlane.advance(milliseconds: try seconds(text) - now)
        }
        let list: JSON = ["crl": .text(SampleAuthority.Revocations.former)]
        try go(to: "2026-11-30T23:59:59Z")
        let taken = try await client.send(.put, "\(one)/crl", list.bytes)
        #expect(taken.json["crlOverdue"] == false, "\(taken.text)")
        // The same list once more is no event.
        let events = try await client.get("/v1/events?limit=1000").json["items"]?.array?.count
        let again = try await client.send(.put, "\(one)/crl", list.bytes)
        #expect(again.status == 200 && again.json["revoked"] == 2, "\(again.text)")
        #expect(
            try await client.get("/v1/events?limit=1000").json["items"]?.array?.count == events)
        try go(to: "2026-12-01T00:00:01Z")
        #expect(try await client.get(one).json["crlOverdue"] == true)
        for (time, days, isNear) in [
            ("2098-12-01T23:59:59Z", 30, false), ("2098-12-02T00:00:01Z", 29, true),
            ("2099-01-01T00:00:01Z", 0, true),
        ] {
            try go(to: time)
            let shown = try await client.get(Self.path).json["items"]?.array?.first
            #expect(shown?["daysLeft"]?.integer == Int64(days), "\(time)")
            #expect(shown?["nearEnd"]?.bool == isNear, "\(time)")
        }
    }

    @Test(
        "E7: rules are set and shown, told of, and refused in words; what is left out is as before")
    func rules() async throws {
        let client = try await world()
        _ = try await register(client)
        for (pk, account) in [("lamp", "acme"), ("fan", "other")] {
            _ = try await client.post(
                "/v1/products", ["pk": .text(pk), "name": "P", "account": .text(account)])
        }
        let one = "\(Self.path)/\(SampleAuthority.id)"
        func put(_ body: JSON) async throws -> Client.Answer {
            try await client.send(.put, "\(one)/rules", body.bytes)
        }
        let before = try await client.get(one).json
        #expect(before["pattern"] == .null && before["registersDevices"]?.bool == false)
        let set = try await put(
            ["pattern": "cn:${dk}", "product": "lamp", "registersDevices": true])
        #expect(set.status == 200, "\(set.text)")
        #expect(set.json["pattern"]?.text == "cn:${dk}" && set.json["product"]?.text == "lamp")
        for (body, detail) in [
            (["pattern": "cn:${pk}${dk}"], "pattern: between ${pk} and ${dk}"),
            (["pattern": "${dk}"], "pattern: a pattern begins with"),
            (["pattern": "cn:${pk}.${dk}", "product": "lamp"], "product: goes with a pattern"),
            (["product": "lamp"], "product: goes with a pattern"),
        ] as [(JSON, String)] {
            let answer = try await put(body)
            #expect(answer.status == 409 && answer.reason == "authority-rules-not-usable")
            let told = answer.json["detail"]?.text ?? ""
            #expect(told.hasPrefix(detail), "\(told)")
        }
        let strange = try await put(["pattern": "cn:${dk}", "product": "fan"])
        #expect(strange.reason == "product-of-another-account")
        #expect(try await put(["pattern": "cn:${dk}", "product": "x"]).reason == "unknown-product")
        let kept = try await client.get(Self.path).json["items"]?.array?.first
        #expect(kept?["registersDevices"]?.bool == true)
        let events = try await client.get("/v1/events?limit=1000")
        #expect(events.text.contains("\"authority-rules-set\""))
        let after = try await put([:])
        #expect(after.json["pattern"] == .null && after.json["product"] == .null)
        #expect(try client.controlPlane.ledger.verify() == [])
    }

    @Test("E8: pinning, and the certificates that a device may show")
    func pins() async throws {
        let client = try await world()
        _ = try await register(client)
        _ = try await client.post(
            "/v1/products", ["pk": "lamp", "name": "P", "account": "acme"])
        _ = try await client.csv("/v1/products/lamp/devices", "dk,secret\nd1,s1\n")
        let one = "\(Self.path)/\(SampleAuthority.id)"
        #expect(try await client.get(one).json["pinning"]?.text == "none")
        let pinned = try await client.send(
            .put, "\(one)/pinning", (["pinning": "first-use"] as JSON).bytes)
        #expect(pinned.json["pinning"]?.text == "first-use", "\(pinned.text)")
        let pins = "/v1/products/lamp/devices/d1/pins"
        func put(_ digits: [String]) async throws -> Client.Answer {
            let list = digits.map { JSON.text(String(repeating: $0, count: 32)) }
            return try await client.send(
                .put, pins, (["fingerprints": .array(list)] as JSON).bytes)
        }
        #expect(try await client.get(pins).json["fingerprints"] == [])
        #expect(try await put(["2b", "1a", "1a"]).json["fingerprints"]?.array?.count == 2)
        let four = try await put(["4d", "3c", "2b", "1a"])
        #expect(four.json["fingerprints"]?.array?.first?.text?.hasPrefix("1a") == true)
        for wrong in [["1a", "2b", "3c", "4d", "5e"], ["zz"], ["AB"], [""]] {
            #expect(try await put(wrong).reason == "invalid-request")
        }
        #expect(try await client.get(pins).json["fingerprints"]?.array?.count == 4)
        let events = try await client.get("/v1/events?limit=1000")
        #expect(events.text.contains("\"device-pins-set\""))
        #expect(events.text.contains("\"authority-pinning-set\""))
        let none = try await client.send(.put, "/v1/products/lamp/devices/d2/pins", four.json.bytes)
        #expect(none.status >= 400)
        #expect(try client.controlPlane.ledger.verify() == [])
    }

    @Test("at another time the same certificates hold no longer, or not yet")
    func times() async throws {
        let client = try await world()
        client.controlPlane.advance(milliseconds: 80 * 366 * 86_400_000)
        let ended = try await register(client)
        #expect(ended.json["detail"]?.text == "certificate: it has expired")
    }

    @Test(
        "a tenant has its own authorities, and no other's; a key of products and an application has none"
    )
    func roles() async throws {
        let client = try await world()
        func token(_ role: String, _ account: String) async throws -> String {
            let key = try await client.post(
                "/v1/keys", ["name": "K", "role": .text(role), "account": .text(account)])
            return try #require(key.json["token"]?.text)
        }
        let body: JSON = [
            "name": "F", "certificate": .text(SampleAuthority.certificate),
            "proof": .text(SampleAuthority.proof),
        ]
        for (role, account, status) in [
            ("sub-account", "other", 404), ("operator", "other", 404), ("application", "acme", 403),
            ("sub-account", "acme", 201),
        ] {
            let answer = try await client.send(
                .post, Self.path, body.bytes, token: try await token(role, account))
            #expect(answer.status == status, "\(role) of \(account): \(answer.text)")
        }
        let one = "\(Self.path)/\(SampleAuthority.id)"
        let stranger = try await token("sub-account", "other")
        #expect(try await client.send(.delete, one, token: stranger).status == 404)
        #expect(try await client.send(.get, one, token: stranger).status == 404)
    }
}
