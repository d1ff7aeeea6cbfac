import Gateway
import Processes
import Testing

@testable import Admin

/// Every door where a device's secret is given.
@Suite(.serves) struct SecretLengthTests {
    private let path = "/v1/products/lamp/devices"
    private let short = "123456789012345"

    private func client(_ minimum: Int) async throws -> Client {
        let client = try Client { $0.activation.secretLengthMinimum = minimum }
        try await client.furnish()
        return client
    }

    @Test(
        "a given secret has sixteen characters at least, in CSV and in JSON; made ones are long enough"
    )
    func doors() async throws {
        let client = try await client(16)
        let csv = try await client.csv(path, "dk,secret\nd1,\(short)6\nd2,\(short)\n")
        #expect(csv.status == 409 && csv.reason == "import-line")
        #expect(csv.text.contains("line 3: secret: has 15 characters, and 16 are the least"))
        #expect(!csv.text.contains(short))
        let json = try await client.post(
            path, ["devices": [["dk": "d1"], ["dk": "d2", "secret": .text(short)]]])
        #expect(json.status == 409 && json.reason == "import-row")
        #expect(json.text.contains("devices[1]: secret: has 15 characters"))
        #expect(try await client.get("\(path)/d1").status == 404)
        let good = try await client.csv(path, "dk,secret\nd1,\(short)6\nd2,\n")
        #expect(good.status == 201)
    }

    @Test("deep in a large CSV too: nothing of it is imported")
    func large() async throws {
        let client = try await client(16)
        let rows = (0..<2_500).map { "d\($0),\($0 == 2_400 ? "x" : "")\n" }.joined()
        let large = try await client.csv(path, "dk,secret\n\(rows)")
        #expect(large.status == 409 && large.text.contains("line 2402: secret: has 1 characters"))
        #expect(try await client.get("\(path)/d0").status == 404)
    }

    @Test("the least length is a setting")
    func setting() async throws {
        let client = try await client(20)
        #expect(try await client.csv(path, "dk,secret\nd1,\(short)6\n").status == 409)
        let other = try await self.client(1)
        #expect(try await other.csv(path, "dk,secret\nd1,x\n").status == 201)
    }
}
