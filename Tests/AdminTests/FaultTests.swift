import Gateway
import Processes
import Testing

@testable import Admin

@Suite("All that is wrong with a body", .serves)
struct FaultTests {
    private func errors(_ answer: Client.Answer) -> [JSON] { answer.json["errors"]?.array ?? [] }

    @Test("each fault of a JSON body has its place as a pointer; the first is the detail")
    func json() async throws {
        let client = try Client()
        let answer = try await client.post(
            "/v1/packages", ["name": "", "validityDays": 0, "a/b~c": 1])
        #expect(answer.status == 422 && answer.reason == "invalid-request")
        let found = errors(answer)
        #expect(found.compactMap { $0["pointer"]?.text } == ["/name", "/validityDays", "/a~1b~0c"])
        #expect(answer.json["detail"]?.text == "name: \(found[0]["detail"]?.text ?? "")")
        #expect(found[2]["detail"]?.text == "there is no such field here")
        try await client.furnish()
        let rows = try await client.post(
            "/v1/products/lamp/devices",
            ["devices": [["dk": "d1"], ["dk": "not fit"], ["name": "x"]]])
        #expect(rows.status == 422)
        #expect(
            errors(rows).compactMap { $0["pointer"]?.text } == [
                "/devices/1/dk", "/devices/2/dk",
            ])
        #expect(try await client.get("/v1/products/lamp/devices/d1").status == 404)
        let whole = try await client.post("/v1/packages", [1])
        #expect(errors(whole).compactMap { $0["pointer"]?.text } == [""])
        // What is not of the body has no place in it.
        let query = try await client.get("/v1/packages?limit=0")
        #expect(query.status == 422 && errors(query).allSatisfy { $0["pointer"] == nil })
    }

    @Test(
        "of a CSV the first hundred rows that are wrong are named, as far as a thousand behind the first, and nothing is imported"
    )
    func csv() async throws {
        let client = try Client()
        try await client.furnish()
        var text = "dk,secret\n"
        for number in 2...2_400 {
            text += number % 600 == 0 ? "not fit,\n" : "d\(number),\n"
        }
        let answer = try await client.csv("/v1/products/lamp/devices", text)
        #expect(answer.status == 422 && answer.reason == "invalid-csv")
        #expect(answer.json["line"]?.integer == 600)
        #expect(errors(answer).compactMap { $0["line"]?.integer } == [600, 1_200])
        #expect(try await client.get("/v1/products/lamp/devices/d2").status == 404)
        let many = "dk,secret\n" + String(repeating: "not fit,\n", count: 150)
        let bounded = try await client.csv("/v1/products/lamp/devices", many)
        #expect(errors(bounded).compactMap { $0["line"]?.integer } == (2...101).map { Int64($0) })
        // Behind a row that is no CSV nothing can be read.
        let broken = try await client.csv(
            "/v1/products/lamp/devices", "dk,secret\nnot fit,\nd1,\"a\"b\nnot fit,\n")
        #expect(errors(broken).compactMap { $0["line"]?.integer } == [2, 3])
        // The same file without its faults goes in.
        let mended = try await client.csv(
            "/v1/products/lamp/devices", text.replacing("not fit,\n", with: ""))
        #expect(mended.status == 201, "\(mended.json)")
    }
}
