import Gateway
import HTTPTypes
import Ledger
import Storage
import Testing
import Time

@testable import Admin

/// Rule A8, of every write there is.
@Suite("Repeated writes")
struct ReplayTests {
    /// A write of a day's work, in an order in which each is carried out.
    private struct Write {
        let method: HTTPRequest.Method
        let path: String
        let body: JSON?

        init(_ method: HTTPRequest.Method, _ path: String, _ body: JSON? = nil) {
            self.method = method
            self.path = path
            self.body = body
        }
    }

    private static let writes = [
        Write(.post, "accounts", ["id": "acme", "name": "Acme", "kind": "individual"]),
        Write(.patch, "accounts/acme", ["name": "Acme Ltd"]),
        Write(.post, "accounts/acme/sub-accounts", ["id": "sub", "name": "Sub"]),
        Write(.put, "accounts/acme/contacts/ann@example.org", ["name": "Ann"]),
        Write(.post, "packages", ["id": "basic", "name": "Basic", "validityDays": 30]),
        Write(.post, "packages", ["id": "gold", "name": "Gold", "validityDays": 60]),
        Write(.post, "accounts/acme/purchases", ["package": "basic", "quantity": 9]),
        Write(.post, "products", ["pk": "lamp", "name": "Lamp", "account": "acme"]),
        Write(
            .post, "accounts/acme/assignments",
            ["product": "lamp", "package": "basic", "quantity": 5]),
        Write(.post, "products/lamp/devices", ["devices": [["dk": "d1"], ["dk": "d2"]]]),
        Write(.post, "products/lamp/devices/d1/activate"),
        Write(.post, "products/lamp/devices/d1/disable"),
        Write(.post, "products/lamp/devices/d1/enable"),
        Write(.put, "products/lamp/devices/d2/renewal", ["autoRenewal": false]),
        Write(.post, "products/lamp/devices/d2/reset-secret"),
        Write(
            .post, "accounts/acme/topups",
            ["kind": "ota", "quantity": 9, "expiresAt": "2100-01-01T00:00:00Z"]),
        Write(
            .post, "products/lamp/devices/d1/upgrades",
            ["id": "u1", "sizeBytes": .integer(20 << 20)]),
        Write(.patch, "products/lamp/devices/d1/upgrades/u1", ["state": "failed"]),
        Write(.post, "products/lamp/devices/d1/move", ["to": "d2", "cause": "repaired"]),
        Write(.post, "products/lamp/devices/d2/void-activation", ["cause": "a mistake"]),
        Write(.patch, "products/lamp", ["name": "Lantern"]),
        Write(.post, "products/lamp/upgrade", ["package": "gold"]),
        Write(.post, "products/lamp/secret/rotate", ["overlapHours": 1]),
        Write(.post, "products/lamp/secret/revoke"),
        Write(.post, "keys", ["name": "App", "role": "application", "account": "acme"]),
        Write(.post, "accounts/acme/certify"),
        Write(.post, "clock/confirm"),
        Write(.delete, "products/lamp/devices/d1"),
        Write(.delete, "accounts/acme/contacts/ann@example.org"),
        Write(.delete, "products/lamp"),
    ]

    private func send(_ write: Write, key: Int, _ client: Client) async throws -> Client.Answer {
        try await client.send(
            write.method, "/v1/\(write.path)", write.body?.bytes,
            headers: ["Idempotency-Key": "key-\(key)"])
    }

    @Test("A8: each write, repeated when all has changed, is answered as the first time")
    func all() async throws {
        let client = try Client(freeCodes: .perAccount)
        var first: [Client.Answer] = []
        for (key, write) in Self.writes.enumerated() {
            let answer = try await send(write, key: key, client)
            #expect((200...204).contains(answer.status), "\(write.path): \(answer.text)")
            first.append(answer)
        }
        client.controlPlane.advance(milliseconds: 3_600_000)
        let sequence = try lastSequence(client)
        for (key, write) in Self.writes.enumerated() {
            let again = try await send(write, key: key, client)
            #expect(again.status == first[key].status, "\(write.path)")
            #expect(again.json == first[key].json, "\(write.path)")
        }
        #expect(try lastSequence(client) == sequence)
        #expect(try client.controlPlane.ledger.verify() == [])
    }

    @Test("A8: no kind of write is missing here")
    func coverage() {
        // What changes nothing in the books, is found again by another test, or names what only the
        // first answer told.
        let others: Set = [
            "sendMessage", "endConnection", "startBackup", "importDevices", "revokeKey",
            "voidPurchase", "voidAssignment",
        ]
        for route in Routes.all where route.method != .get && !others.contains(route.operation.id) {
            let isThere = Self.writes.contains { write in
                write.method == route.method && Self.matches("/v1/\(write.path)", route.path)
            }
            #expect(isThere, "\(route.operation.id)")
        }
    }

    private static func matches(_ path: String, _ pattern: String) -> Bool {
        let (parts, names) = (path.split(separator: "/"), pattern.split(separator: "/"))
        return parts.count == names.count
            && zip(parts, names).allSatisfy { $1.first == ":" || $0 == $1 }
    }

    private func lastSequence(_ client: Client) throws -> UInt64 {
        try client.controlPlane.ledger.read { books, transaction throws(StoreError) in
            try books.lastSequence(in: transaction)
        }
    }

    @Test("A8: an assignment without a package is the same request after an upgrade")
    func assignment() async throws {
        let client = try Client()
        try await client.furnish(codes: 10, assigned: 2)
        let body: JSON = ["product": "lamp", "quantity": 3]
        let path = "/v1/accounts/acme/assignments"
        let first = try await client.post(path, body, key: "k")
        _ = try await client.post(
            "/v1/packages",
            ["id": "gold", "name": "G", "validityDays": 60, "messagesPerDay": 9_000])
        let upgraded = try await client.post("/v1/products/lamp/upgrade", ["package": "gold"])
        #expect(upgraded.status == 200)
        let again = try await client.post(path, body, key: "k")
        #expect(first.status == 201 && again.status == 201 && again.json == first.json)
    }
}
