import Admin
import HTTPTypes
import Ledger
import Processes
import Testing

@testable import Gateway

/// Keys that tokens of a product's devices are checked by.
@Suite(.serves) struct TokenKeyTests {
    private let path = "/v1/products/lamp/token-keys"
    private let edwards =
        "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}"
    private let secret =
        "{\"kty\":\"oct\",\"k\":\"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow\"}"
    private let pem = """
        -----BEGIN PUBLIC KEY-----
        MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEf83OJ3D2xF1Bg8vub9tLe1gHMzV7
        6e8Tus9uPHvRVEXH8UTNG72bfocs3+257rn0s2ldbqkLJK2KRiMohYjlrQ==
        -----END PUBLIC KEY-----

        """

    private func body(_ id: String, _ key: String, _ audience: String? = nil) -> JSON {
        var body: [JSON.Member] = [
            .init(name: "id", value: .text(id)), .init(name: "key", value: .text(key)),
        ]
        if let audience { body.append(.init(name: "audience", value: .text(audience))) }
        return .object(body)
    }

    @Test("keys are added, listed without secrets, events, and removed")
    func life() async throws {
        let client = try Client()
        try await client.furnish()
        #expect(try await client.get(path).json["items"] == [])
        let added = try await client.send(.post, path, body("2027-01", pem).bytes)
        #expect(added.status == 201 && added.json["algorithm"] == "ES256", "\(added.json)")
        #expect(added.json["id"] == "2027-01" && added.json["audience"] == .null)
        _ = try await client.send(.post, path, body("hs", secret, "project-7").bytes)
        _ = try await client.send(.post, path, body("ed", edwards).bytes)
        let listed = try await client.get(path)
        let items = listed.json["items"]?.array ?? []
        #expect(items.map { $0["id"]?.text } == ["2027-01", "ed", "hs"])
        #expect(items.map { $0["algorithm"]?.text } == ["ES256", "EdDSA", "HS256"])
        #expect(items.last?["audience"] == "project-7")
        #expect(!String(decoding: listed.json.bytes, as: UTF8.self).contains("AyM1"))
        let events = try await client.get("/v1/events?limit=1000").json["items"]?.array ?? []
        #expect(events.last?["change"] == "token-key-added")
        #expect(events.last?["tokenKey"] == "ed" && events.last?["algorithm"] == "EdDSA")
        #expect(!"\(events)".contains("AyM1"))
        #expect(try await client.send(.delete, path + "/ed").status == 204)
        let gone = try await client.send(.delete, path + "/ed")
        #expect(gone.status == 404 && gone.reason == "unknown-key")
        #expect(try await client.get(path).json["items"]?.array?.count == 2)
    }

    @Test("what is no key is refused, and why")
    func refusals() async throws {
        let client = try Client()
        try await client.furnish()
        let cases = [
            (body("k", "x"), "key: must be a public key as PEM"),
            (body("k", "{\"kty\":\"RSA\",\"n\":\"AQAB\"}"), "key: must be of P-256"),
            (body("k", "{\"kty\":\"oct\",\"k\":\"AAAA\"}"), "has 32 to 64 bytes"),
            (body("k", pem.replacing("PUBLIC", with: "PRIVATE")), "is a private key"),
            (body("a b", edwards), "id: must be"), (body("k", edwards, ""), "audience: must be"),
            (body("k", ""), "key: must be"),
            (["id": "k"], "key: is missing"),
            (
                body("k", edwards, String(repeating: "é", count: 256)),
                "audience: must have 1 to 256"
            ),
        ]
        for (body, reason) in cases {
            let answer = try await client.send(.post, path, body.bytes)
            #expect(answer.status == 422 && answer.reason == "invalid-request", "\(reason)")
            #expect(answer.json["detail"]?.text?.contains(reason) == true, "\(answer.json)")
        }
        for index in 1...8 {
            let answer = try await client.send(.post, path, body("k\(index)", edwards).bytes)
            #expect(answer.status == 201)
        }
        let twice = try await client.send(.post, path, body("k1", secret).bytes)
        #expect(twice.status == 409 && twice.reason == "already-exists")
        let ninth = try await client.send(.post, path, body("k9", secret).bytes)
        #expect(ninth.status == 409 && ninth.reason == "limit-reached")
        let nowhere = try await client.send(
            .post, "/v1/products/ghost/token-keys", body("k", edwards).bytes)
        #expect(nowhere.status == 404 && nowhere.reason == "unknown-product")
    }

    @Test("a secret is in the books sealed, and the check of secrets opens it")
    func sealed() async throws {
        let client = try Client()
        try await client.furnish()
        _ = try await client.send(.post, path, body("hs", secret).bytes)
        let keys = client.controlPlane.secretKeys
        let ledger = client.controlPlane.ledger
        #expect(try keys.verify(ledger, limit: 9) == [])
        #expect(
            try SecretKeys().verify(ledger, limit: 9).contains { $0.contains("key file") }
                || SecretKeys().verify(ledger, limit: 9).contains { $0.contains("token key hs") })
    }
}
