import HTTPTypes
import Processes
import Testing
import Time

@testable import Admin

/// One log of commands, two gateways.
@Suite("Determinism", .serves)
struct DeterminismTests {
    private static let names = [
        "account": "acme", "pk": "lamp", "product": "lamp", "dk": "d1", "device": "d1",
        "package": "basic", "upgrade": "u1",
    ]

    /// Books with something in each list.
    private func world() async throws -> Client {
        let client = try Client()
        try await client.furnish(codes: 20, assigned: 9)
        let posts: [(String, JSON)] = [
            ("accounts", ["id": "sub", "name": "Sub", "kind": "individual", "parent": "acme"]),
            ("accounts/acme/assignments", ["product": "lamp", "quantity": 2]),
            ("keys", ["name": "backend", "role": "application", "account": "acme"]),
            (
                "accounts/acme/topups",
                [
                    "kind": "ota", "quantity": 9, "source": "purchase",
                    "expiresAt": "2027-11-21T08:00:00Z",
                ]
            ),
            ("products/lamp/devices/d1/activate", [:]),
            ("products/lamp/devices/d2/activate", [:]),
            ("products/lamp/devices/d2/disable", [:]),
            ("products/lamp/devices/d1/upgrades", ["id": "u1", "sizeBytes": 9_000_000]),
        ]
        _ = try await client.csv("/v1/products/lamp/devices", "dk,secret\nd1,a\nd2,\nd3,c\n")
        for (path, body) in posts {
            let answer = try await client.post("/v1/\(path)", body, key: path)
            try #require((200...299).contains(answer.status), "\(path): \(answer.text)")
            client.controlPlane.set { $0.now = $0.now.adding(days: 1) }
        }
        return client
    }

    @Test("The same command log makes byte-identical answers to every GET of the API")
    func answers() async throws {
        let first = try await world()
        let second = try Client()
        for command in first.controlPlane.log { _ = try await second.controlPlane.submit(command) }
        let now = first.controlPlane.now
        second.controlPlane.set { $0.now = now }
        let key = try #require(
            try await first.get("/v1/keys").json["items"]?.array?.first?["id"]?.text)
        let sample = Sample(names: Self.names.merging(["key": key]) { $1 })
        var found = 0
        // Numbers of a process, and a secret that each gateway makes of its own key.
        let others: Set = ["/metrics", "/v1/products/:pk/secret"]
        for route in Routes.all where route.method == .get && !others.contains(route.path) {
            for path in Set([sample.path(of: route), sample.path(of: route, withQuery: true)]) {
                let (left, right) = (try await first.get(path), try await second.get(path))
                #expect(left.status == right.status && left.bytes == right.bytes, "\(path)")
                if left.json["items"]?.array?.isEmpty == false { found += 1 }
            }
        }
        #expect(found > 12)
    }
}
