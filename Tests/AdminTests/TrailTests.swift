import Gateway
import HTTPTypes
import NIOConcurrencyHelpers
import Processes
import Testing

@testable import Admin

@Suite("By what requests are found again", .serves)
struct TrailTests {
    private func header(_ answer: Client.Answer, _ name: String) -> String? {
        HTTPField.Name(name).flatMap { answer.headers[$0] }
    }

    @Test(
        "an answer has the request's id, a problem as its instance, too; one that is not fit is replaced"
    )
    func ids() async throws {
        let client = try Client()
        let given = try await client.send(
            .get, "/v1/packages", headers: ["X-Request-Id": "order-4711"])
        #expect(given.status == 200 && header(given, "X-Request-Id") == "order-4711")
        var made: Set<String> = []
        for unfit in ["", "two words", String(repeating: "x", count: 129)] {
            let answer = try await client.send(
                .get, "/v1/packages", headers: ["X-Request-Id": unfit])
            let id = try #require(header(answer, "X-Request-Id"))
            #expect(id.count == 16 && id.allSatisfy { $0.isHexDigit }, "\(id)")
            made.insert(id)
        }
        #expect(made.count == 3)
        for path in ["/v1/accounts/none", "/v1/nothing", "/nothing"] {
            let problem = try await client.send(.get, path, headers: ["X-Request-Id": "p-1"])
            #expect(problem.status == 404 && header(problem, "X-Request-Id") == "p-1")
            #expect(problem.json["instance"]?.text == "urn:tollgate:request:p-1", "\(path)")
        }
    }

    @Test(
        "each answer says what is left of the requests that may come at once, and when all are again"
    )
    func standing() async throws {
        let client = try Client { $0.admin.requestsPerSecond = 2 }
        for left in [3, 2, 1, 0] {
            let answer = try await client.get("/v1/packages")
            #expect(header(answer, "RateLimit-Limit") == "4")
            #expect(header(answer, "RateLimit-Remaining") == "\(left)")
            #expect(header(answer, "RateLimit-Reset") == (left > 1 ? "1" : "2"))
        }
        let refused = try await client.get("/v1/packages")
        #expect(refused.status == 429 && header(refused, "RateLimit-Remaining") == "0")
        client.clock.withLockedValue { $0 += .seconds(1) }
        #expect(header(try await client.get("/v1/packages"), "RateLimit-Remaining") == "1")
    }

    @Test("a list says where its next part is, as JSON and as CSV, with the same query")
    func next() async throws {
        let client = try Client()
        for number in 1...5 {
            _ = try await client.post(
                "/v1/accounts", ["id": .text("a\(number)"), "name": "A", "kind": "enterprise"])
        }
        for type in ["application/json", "text/csv"] {
            var path = "/v1/accounts?limit=2"
            var parts = 1
            while true {
                let answer = try await client.send(.get, path, headers: ["Accept": type])
                #expect(answer.status == 200)
                guard let link = header(answer, "Link") else { break }
                #expect(
                    link.hasPrefix("</v1/accounts?limit=2&cursor=")
                        && link.hasSuffix(">; rel=\"next\""))
                path = String(link.dropFirst().prefix { $0 != ">" })
                parts += 1
            }
            #expect(parts == 3, "\(type)")
        }
    }

    @Test("what a query has that is not of an address can't end the link and begin another one")
    func encoded() async throws {
        let client = try Client()
        for number in 1...3 {
            _ = try await client.post(
                "/v1/accounts", ["id": .text("a\(number)"), "name": "A", "kind": "enterprise"])
        }
        let first = try await client.get("/v1/accounts?limit=1")
        let cursor = try #require(first.json["cursor"]?.text)
        let answer = try await client.get("/v1/accounts?limit=1&%63ursor=\(cursor)")
        let link = try #require(header(answer, "Link"))
        #expect(link.hasPrefix("</v1/accounts?limit=1&cursor="), "\(link)")
        #expect(link.count { $0 == ">" } == 1 && !link.contains("%63"))
        try await client.furnish()
        _ = try await client.csv("/v1/products/lamp/devices", "dk,secret\na1,\na2,\na3,\n")
        let other = try await client.get(
            "/v1/products/lamp/devices?limit=1&like=%3E%3Brel%3Dx%2C%3C%2F%2Fevil%3E")
        #expect(header(other, "Link").map { $0.count { $0 == ">" } == 1 } ?? true)
        let raw = try await client.get("/v1/accounts?limit=1&state=a>;rel=x,<//evil>")
        #expect(header(raw, "Link").map { $0.count { $0 == ">" } == 1 } ?? true)
    }
}
