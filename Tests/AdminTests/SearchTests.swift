import Gateway
import Ledger
import Processes
import Testing

@testable import Admin

@Suite("Search over HTTP", .serves)
struct SearchTests {
    private let path = "/v1/products/lamp/devices"

    private func furnished() async throws -> Client {
        let client = try Client()
        try await client.furnish()
        let rows = (1...25).map { "d\($0),s,\($0 % 2 == 0 ? "Hall" : "客厅") \($0)\n" }.joined()
        #expect(try await client.csv(path, "dk,secret,name\n" + rows).status == 201)
        let product = try #require(ProductKey("lamp"))
        client.controlPlane.set { state in
            state.online = Set(
                [2, 3, 4].map {
                    DeviceIdentity(product: product, device: DeviceKey("d\($0)")!)
                })
        }
        return client
    }

    /// All elements of a list, page by page, by a member.
    private func all(
        _ list: String, of client: Client, by member: String = "dk", limit: Int = 3
    ) async throws -> [String] {
        var found: [String] = []
        var cursor = ""
        while true {
            let mark = list.contains("?") ? "&" : "?"
            let page = try await client.get("\(list)\(mark)limit=\(limit)\(cursor)")
            try #require(page.status == 200, "\(page.text)")
            let items = page.json["items"]?.array ?? []
            #expect(items.count <= limit)
            found += items.compactMap { $0[member]?.text }
            guard let next = page.json["cursor"]?.text else { return found }
            cursor = "&cursor=\(next)"
        }
    }

    @Test("devices are found by a part of key or name, in capitals or not, and by presence")
    func devices() async throws {
        let client = try await furnished()
        #expect(try await all("\(path)?like=HALL", of: client).count == 12)
        #expect(try await all("\(path)?like=%E5%AE%A2", of: client).count == 13)
        #expect(try await all("\(path)?like=d2", of: client).count == 7)
        #expect(Set(try await all("\(path)?online=true", of: client)) == ["d2", "d3", "d4"])
        #expect(try await all("\(path)?online=true&like=hall", of: client) == ["d2", "d4"])
        #expect(try await all("\(path)?online=false&state=inactive", of: client).count == 22)
        #expect(try await all("\(path)?like=nothing", of: client).isEmpty)
        #expect(try await client.get("\(path)?like=").status == 422)
        #expect(try await client.get("\(path)?online=perhaps").status == 422)
    }

    @Test(
        "the device of that key is found at once, and those that begin with it, in a large product")
    func beginnings() async throws {
        let client = try await furnished()
        let count = Search.looksMaximum + 500
        var rows = "dk,secret,name\n"
        for number in 0..<count {
            let digits = String(number)
            let padding = String(repeating: "0", count: 6 - digits.count)
            rows += "h-\(padding)\(digits),s,\(number == 7 ? "beside h-010123" : "")\n"
        }
        #expect(try await client.csv(path, rows).status == 201)
        func first(_ query: String) async throws -> [String] {
            let page = try await client.get("\(path)?\(query)")
            try #require(page.status == 200, "\(page.text)")
            return page.json["items"]?.array?.compactMap { $0["dk"]?.text } ?? []
        }
        #expect(try await first("like=h-010123") == ["h-010123", "h-000007"])
        #expect(try await first("like=h-010499") == ["h-010499"])
        #expect(try await first("like=h-010499&limit=1") == ["h-010499"])
        #expect(try await first("like=h-010499&state=active").isEmpty)
        #expect(try await first("like=h-01049").first == "h-010490")
        let tens = (0..<10).map { "h-01012\($0)" }
        #expect(try await first("like=h-01012&state=inactive") == tens + ["h-000007"])
        // All of them come once, whatever the parts.
        for limit in [1, 3, 100] {
            let all = try await all("\(path)?like=h-01012", of: client, limit: limit)
            #expect(all == tens + ["h-000007"], "\(limit)")
        }
        #expect(try await all("\(path)?like=H-01012", of: client, limit: 7) == ["h-000007"] + tens)
        // Those of a state with an index, out of that index.
        for device in ["h-010123", "h-010125", "h-000007"] {
            let answer = try await client.post("\(path)/\(device)/disable", [:])
            #expect(answer.status == 200, "\(answer.text)")
        }
        for limit in [1, 2, 100] {
            let all = try await all(
                "\(path)?like=h-010123&state=disabled", of: client, limit: limit)
            #expect(all == ["h-010123", "h-000007"], "\(limit)")
            let beginning = try await self.all(
                "\(path)?like=h-01012&state=disabled", of: client, limit: limit)
            #expect(beginning == ["h-000007", "h-010123", "h-010125"], "\(limit)")
        }
        for cursor in ["0077", "02", "ff00"] {
            let answer = try await client.get("\(path)?like=h-01012&cursor=\(cursor)")
            #expect(answer.reason == "unknown-cursor", "\(cursor)")
        }
        // Of so many, the few that are connected.
        let lamp = try #require(ProductKey("lamp"))
        client.controlPlane.set { state in
            state.online = Set(
                ["h-000003", "h-010400", "h-010498"].map {
                    DeviceIdentity(product: lamp, device: DeviceKey($0)!)
                })
        }
        #expect(try await first("online=true") == ["h-000003", "h-010400", "h-010498"])
        #expect(try await first("online=true&like=h-0104") == ["h-010400", "h-010498"])
        #expect(try await first("online=true&state=active").isEmpty)
        let parts = try await all("\(path)?online=true", of: client, limit: 1)
        #expect(parts == ["h-000003", "h-010400", "h-010498"])
        #expect(try await client.get("\(path)?online=true&cursor=00").reason == "unknown-cursor")
        let silent = try #require(StandInControlPlane.silent)
        client.controlPlane.set { $0.nodes = [NodeName("n1")!, silent] }
        #expect(try await first("online=true").count == 3, "as far as nodes answer")
    }

    @Test("products are found by a part of key or name")
    func products() async throws {
        let client = try await furnished()
        _ = try await client.post(
            "/v1/products", ["pk": "chair", "name": "Sessel 椅子", "account": "acme"])
        #expect(try await all("/v1/products?name=LAM", of: client, by: "pk") == ["lamp"])
        #expect(try await all("/v1/products?name=sessel", of: client, by: "pk") == ["chair"])
        #expect(try await all("/v1/products?name=x", of: client, by: "pk").isEmpty)
    }

    @Test("connections are listed part by part, filtered by product and text")
    func connections() async throws {
        let client = try await furnished()
        let list = try await all("/v1/connections", of: client, limit: 2)
        #expect(list == ["d2", "d3", "d4"])
        #expect(try await all("/v1/connections?like=D3", of: client, limit: 1) == ["d3"])
        #expect(try await all("/v1/connections?product=chair", of: client).isEmpty)
        #expect(try await client.get("/v1/connections?cursor=00").reason == "unknown-cursor")
        #expect(try await client.get("/v1/connections?node=n1").reason == "not-clustered")
    }

    @Test("the figures of a cluster's nodes are shown; of one that does not answer they are null")
    func figures() async throws {
        let client = try await furnished()
        #expect(try await client.get("/v1/cluster/figures").reason == "not-clustered")
        let silent = try #require(StandInControlPlane.silent)
        client.controlPlane.set { $0.nodes = [NodeName("n1")!, silent] }
        let nodes = try await client.get("/v1/cluster/figures").json["nodes"]?.array ?? []
        #expect(nodes.map { $0["name"] } == ["n1", "silent"])
        #expect(nodes.map { $0["answers"] } == [true, false])
        #expect(nodes.map { $0["clients"] } == [3, .null])
    }

    @Test("connections of a cluster are listed node by node; one that does not answer is named")
    func clustered() async throws {
        let client = try await furnished()
        let names = try ["n1", "n2"].map { try #require(NodeName($0)) }
        client.controlPlane.set { $0.nodes = names }
        for limit in [1, 2, 3, 7] {
            let all = try await all("/v1/connections", of: client, limit: limit)
            #expect(all == ["d2", "d3", "d4", "d2", "d3", "d4"], "limit \(limit)")
        }
        let nodes = try await all("/v1/connections", of: client, by: "node", limit: 4)
        #expect(nodes == ["n1", "n1", "n1", "n2", "n2", "n2"])
        #expect(
            try await all("/v1/connections?node=n2", of: client, by: "node", limit: 2)
                == ["n2", "n2", "n2"])
        #expect(try await client.get("/v1/connections?node=n3").reason == "unknown-node")
        // That of a gateway alone.
        let old = String(repeating: "0", count: 16)
        #expect(try await client.get("/v1/connections?cursor=\(old)").reason == "unknown-cursor")
        let silent = try #require(StandInControlPlane.silent)
        client.controlPlane.set { $0.nodes = names + [silent] }
        let answer = try await client.get("/v1/connections?limit=100")
        #expect(answer.status == 503 && answer.reason == "node-unreachable")
        #expect(answer.text.contains("node silent"))
        let some = try await all("/v1/connections?node=n1", of: client)
        #expect(some.count == 3)
        // A node that was removed meanwhile: the next one is looked at.
        let page = try await client.get("/v1/connections?limit=2")
        let cursor = try #require(page.json["cursor"]?.text)
        client.controlPlane.set { $0.nodes = [names[1]] }
        let rest = try await client.get("/v1/connections?cursor=\(cursor)")
        #expect(rest.json["items"]?.array?.map { $0["node"]?.text } == ["n2", "n2", "n2"])
    }
}
