import HTTPTypes
import Ledger
import Processes
import Testing

@testable import Admin

/// What a spreadsheet would take for a formula.
@Suite("Formulas in CSV", .serves)
struct FormulaTests {
    private static let starts: Set<UInt8> = Set("=+-@\t\r\n".utf8)

    private func rows(of text: String) throws -> [[String]] {
        var parser = CSVParser()
        parser.append(text.utf8)
        parser.finish()
        var rows: [[String]] = []
        while let row = try parser.next() { rows.append(row.fields) }
        return rows
    }

    @Test("a text that a spreadsheet would run gets an apostrophe, and every text is taken back")
    func fields() {
        for (text, cell) in [
            ("=1+1", "'=1+1"), ("+1", "'+1"), ("-1", "'-1"), ("@SUM(A1)", "'@SUM(A1)"),
            ("\tx", "'\tx"), ("\rx", "'\rx"), ("\nx", "'\nx"), ("'=x", "''=x"), ("''-", "'''-"),
            ("", ""), ("'", "'"), ("'x", "'x"), ("x=1", "x=1"), (" =1", " =1"), ("1-2", "1-2"),
        ] {
            #expect(CSVField(text).text == cell)
            #expect(CSVField.taken(cell) == text)
            #expect(CSVField(.text(text)).text == cell)
            #expect(CSVField(.array([.text(text), "b"])).text.hasPrefix(cell))
        }
        // Made by hand: nothing needed a mark there.
        #expect(CSVField.taken("=1") == "=1" && CSVField.taken("'x'") == "'x'")
        #expect(CSVField(.integer(-5)).text == "-5" && CSVField(.null).text == "")
        #expect(
            CSVField.row(of: [CSVField("=\"a\",b"), CSVField(number: "-5")])
                == "\"'=\"\"a\"\",b\",-5")
    }

    /// Everything that tenants may name is named as a formula.
    private func world() async throws -> (Client, Sample) {
        let client = try Client()
        try await client.furnish()
        let formula: JSON = "=HYPERLINK(\"http://127.0.0.1\",\"x\")"
        func make(_ method: HTTPRequest.Method, _ path: String, _ body: JSON) async throws -> JSON {
            let answer = try await client.send(method, "/v1/\(path)", body.bytes)
            #expect((200...201).contains(answer.status), "\(path): \(answer.text)")
            return answer.json
        }
        _ = try await make(.patch, "accounts/acme", ["name": formula])
        _ = try await make(.patch, "products/lamp", ["name": formula])
        _ = try await make(.patch, "accounts/acme/metadata", ["room": "+1"])
        _ = try await make(.patch, "products/lamp/metadata", ["room": "-1"])
        _ = try await make(
            .post, "accounts/acme/sub-accounts", ["id": "west", "name": "@west"])
        _ = try await make(.put, "accounts/acme/contacts/ann@example.org", ["name": "-ann"])
        _ = try await make(
            .post, "products/lamp/devices",
            ["devices": [["dk": "-1", "secret": "s1", "name": formula]]])
        _ = try await make(.post, "products/lamp/devices/-1/activate", [:])
        _ = try await make(
            .post, "keys", ["name": formula, "role": "application", "account": "acme"])
        _ = try await make(
            .post, "accounts/acme/topups",
            ["kind": "messages", "quantity": 10, "expiresAt": "2030-01-01"])
        _ = try await make(
            .post, "webhooks",
            ["name": formula, "account": "acme", "url": "https://example.org/hook"])
        return (
            client,
            Sample(
                names: [
                    "account": "acme", "pk": "lamp", "product": "lamp", "dk": "-1",
                    "package": "basic",
                ])
        )
    }

    @Test("no cell of any list begins as a formula does, in the API and in the console")
    func lists() async throws {
        let (client, sample) = try await world()
        let (_, cookie) = try await client.signIn(Client.ownerToken.text)
        var (lists, marked) = (0, 0)
        for route in Routes.all
        where route.method == .get && route.operation.answers.contains(where: { $0.item != nil }) {
            let path = String(sample.path(of: route).prefix { $0 != "?" })
            let answer = try await client.send(.get, path, headers: ["Accept": "text/csv"])
            guard answer.status == 200, answer.headers[.contentType]?.hasPrefix("text/csv") == true
            else { continue }
            let parameters = route.pathParameters.map { parameter in
                "\(parameter.name)=\(sample.names[parameter.name] ?? "1")"
            }
            let exported = try await client.send(
                .get,
                "/console/csv/\(route.operation.id)?\(parameters.joined(separator: "&"))",
                token: nil, headers: ["Cookie": cookie])
            #expect(exported.status == 200, "\(route.operation.id)")
            for text in [answer.text, exported.text] {
                let cells = try rows(of: text).joined()
                marked += cells.count { $0.hasPrefix("'") }
                let wrong = cells.filter { cell in
                    cell.utf8.first.map { Self.starts.contains($0) } == true && Double(cell) == nil
                }
                #expect(wrong == [], "\(route.operation.id)")
            }
            lists += 1
        }
        #expect(lists > 20 && marked > 15, "\(lists) lists, \(marked) cells")
        let report = try await client.send(
            .get, "/console/accounts/acme/report.csv", token: nil, headers: ["Cookie": cookie])
        #expect(try rows(of: report.text).contains { $0.contains { $0.hasPrefix("'=HYPERLINK") } })
    }

    @Test("what an import answers can be imported again: the same devices, secrets and names")
    func roundTrip() async throws {
        let client = try Client()
        try await client.furnish()
        _ = try await client.post("/v1/products", ["pk": "fan", "name": "Fan", "account": "acme"])
        let devices = [
            ["-1", "=s", "=1+1"], ["@2", "+s", "'=x"], ["d3", "-s", "''@"], ["d4", "'s", "'plain"],
            ["d5", "s5", "-5"],
        ]
        var bytes = Array("dk,secret,name\n".utf8)
        // Written by hand, without a mark, wherever that is the same.
        for device in devices { CSV.append(device, to: &bytes) }
        let first = try await client.send(
            .post, "/v1/products/lamp/devices", bytes, type: "text/csv",
            headers: ["Accept": "text/csv"])
        #expect(first.status == 201, "\(first.text)")
        let again = try await client.send(
            .post, "/v1/products/fan/devices", first.bytes, type: "text/csv",
            headers: ["Accept": "text/csv"])
        #expect(again.status == 201 && again.bytes == first.bytes)
        let cells = try rows(of: first.text)
        #expect(cells.dropFirst().map { $0.map(CSVField.taken) } == devices)
        for product in ["lamp", "fan"] {
            let list = try await client.get("/v1/products/\(product)/devices").json["items"]?.array
            let names = Dictionary(
                (list ?? []).map { ($0.text("dk"), $0.text("name")) }, uniquingKeysWith: { $1 })
            for device in devices { #expect(names[device[0]] == device[2]) }
        }
        let bare = try await client.csv(
            "/v1/products/fan/devices", "dk,secret,name\n-9,=s,=2\n")
        #expect(bare.status == 201)
        #expect(bare.text.contains("'-9,'=s,'=2\r\n"))
    }
}
