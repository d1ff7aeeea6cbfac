import Gateway
import HTTPTypes
import Processes
import Storage
import Testing

@testable import Admin

@Suite("Access", .serves)
struct AccessTests {
    @Test("health, readiness and metrics need no token; readiness says why not")
    func open() async throws {
        let client = try Client()
        #expect(try await client.get("/healthz", token: nil).status == 200)
        #expect(try await client.get("/readyz", token: nil).status == 200)
        let metrics = try await client.get("/metrics", token: nil)
        #expect(metrics.status == 200 && metrics.text.contains("tollgate_up 1"))
        client.controlPlane.set { state in
            state.checks.append(.init(name: "disk-space", problem: "0 bytes left"))
        }
        let answer = try await client.get("/readyz", token: nil)
        #expect(answer.status == 503)
        #expect(answer.json["ready"] == false)
        #expect(answer.json["reasons"]?.array?.first?["name"]?.text == "disk-space")
    }

    @Test("without a valid token there is no answer: 401 with a problem document")
    func tokens() async throws {
        let client = try Client()
        for token in [nil, "", "wrong", "owner-token-for-test", "key.secret", "."] {
            let answer = try await client.get("/v1/accounts", token: token)
            #expect(answer.status == 401)
            #expect(answer.reason == "unauthorized")
            #expect(answer.headers[.contentType] == "application/problem+json")
            #expect(answer.headers[.wwwAuthenticate]?.hasPrefix("Bearer") == true)
        }
        #expect(try await client.get("/v1/accounts").status == 200)
    }

    @Test("a key's secret is shown once, its token works, and not after it was revoked")
    func keys() async throws {
        let client = try Client()
        let key = try await client.post("/v1/keys", ["name": "ops", "role": "operator"])
        #expect(key.status == 201)
        let id = try #require(key.json["id"]?.text)
        let token = try #require(key.json["token"]?.text)
        #expect(key.json["userName"]?.text == "app:\(id)")
        #expect(try await client.get("/v1/keys/\(id)").json["secret"] == nil)
        #expect(try await client.get("/v1/accounts", token: token).status == 200)
        #expect(try await client.get("/v1/accounts", token: token + "x").status == 401)
        // Keys that make keys are the owner's business.
        let made = try await client.send(
            .post, "/v1/keys", (["name": "x", "role": "owner"] as JSON).bytes, token: token)
        #expect(made.status == 403)
        let revoked = try await client.send(.post, "/v1/keys/\(id)/revoke")
        #expect(revoked.status == 200 && revoked.json["revokedAt"]?.text != nil)
        #expect(try await client.get("/v1/accounts", token: token).status == 401)
    }

    @Test("a key reaches its account and its products only, and an application's only reads")
    func scope() async throws {
        let client = try Client()
        try await client.furnish()
        _ = try await client.post(
            "/v1/accounts", ["id": "other", "name": "Other", "kind": "individual"])
        _ = try await client.post("/v1/products", ["pk": "fan", "name": "F", "account": "other"])
        let key = try await client.post(
            "/v1/keys",
            ["name": "app", "role": "application", "account": "acme", "products": ["lamp"]]
        )
        let token = try #require(key.json["token"]?.text)
        #expect(try await client.get("/v1/products/lamp", token: token).status == 200)
        #expect(try await client.get("/v1/products/fan", token: token).status == 404)
        #expect(try await client.get("/v1/accounts", token: token).status == 403)
        #expect(try await client.get("/v1/accounts/other", token: token).status == 404)
        let list = try await client.get("/v1/products", token: token)
        #expect(list.json["items"]?.array?.compactMap { $0["pk"]?.text } == ["lamp"])
        let change = try await client.send(.delete, "/v1/products/lamp", token: token)
        #expect(change.status == 403)
    }

    @Test("what is not there is a 404, and what is not understood a 422, as problem documents")
    func problems() async throws {
        let client = try Client()
        #expect(try await client.get("/v1/nothing").status == 404)
        let answer = try await client.get("/v1/products/none")
        #expect(answer.status == 404 && answer.reason == "unknown-product")
        let members = ["type", "title", "status", "reason", "detail"]
        for member in members { #expect(answer.json[member] != nil) }
        let cases: [(JSON, String)] = [
            (["name": "x"], "kind: is missing"),
            (["name": 1, "kind": "enterprise"], "name: must be a text"),
            (["name": "x", "kind": "huge"], "kind: must be enterprise or individual"),
            (
                ["name": "x", "kind": "individual", "nmae": "y"],
                "nmae: there is no such field here"
            ),
            (["x"], "the request's body must be a JSON object"),
        ]
        for (body, detail) in cases {
            let answer = try await client.post("/v1/accounts", body)
            #expect(answer.status == 422)
            #expect(answer.json["detail"]?.text == detail)
        }
        let garbage = try await client.send(.post, "/v1/accounts", Array("{".utf8))
        #expect(garbage.json["detail"]?.text == "the body is not JSON")
        // The pointer of the whole document (RFC 6901).
        let fault = garbage.json["errors"]?.array?.first
        #expect(fault?["pointer"]?.text == "" && fault?["detail"]?.text == "the body is not JSON")
        #expect(try await client.get("/v1/packages?limit=0").status == 422)
        #expect(try await client.get("/v1/packages?cursor=zz").status == 422)
        #expect(try await client.get("/v1/packages?cursor=ff").reason == "unknown-cursor")
    }

    @Test("a body over the limit is refused with 413")
    func size() async throws {
        let client = try Client {
            $0.admin.requestSizeBytes = 1_024
            $0.admin.importSizeBytes = 2_048
        }
        try await client.furnish()
        let devices = (0..<80).map { JSON.object([.init(name: "dk", value: .text("json-\($0)"))]) }
        let answer = try await client.post(
            "/v1/products/lamp/devices", ["devices": .array(devices)])
        #expect(answer.status == 413 && answer.reason == "request-too-large")
        func csv(_ count: Int) -> String {
            "dk,secret\n" + (0..<count).map { "d\($0),s3cret\n" }.joined()
        }
        let fits = try await client.csv("/v1/products/lamp/devices", csv(150))
        #expect(fits.status == 201)
        let large = try await client.csv("/v1/products/lamp/devices", csv(200))
        #expect(large.status == 413 && large.reason == "request-too-large")
    }

    @Test("when the ledger can't answer, a change is refused with 503 and can be sent again")
    func unavailable() async throws {
        let client = try Client()
        client.controlPlane.set { $0.failure = .diskFull }
        let body: JSON = ["id": "acme", "name": "Acme", "kind": "enterprise"]
        let answer = try await client.post("/v1/accounts", body)
        #expect(answer.status == 503 && answer.reason == "ledger-unavailable")
        client.controlPlane.set { $0.failure = .unanswered(seconds: 30) }
        let late = try await client.post("/v1/accounts", body)
        #expect(late.status == 503 && late.reason == "ledger-unavailable")
        #expect(late.headers[.retryAfter] == "1")
        let detail = try #require(late.json["detail"]?.text)
        #expect(detail.contains("no answer after 30 s, and the change may still be made"))
        #expect(detail.contains("Idempotency-Key"))
        client.controlPlane.set { $0.failure = nil }
        #expect(try await client.post("/v1/accounts", body).status == 201)
    }
}
