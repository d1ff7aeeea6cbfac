import Cryptography
import Gateway
import HTTPTypes
import Ledger
import Processes
import Testing

@testable import Admin

@Suite("Declarations", .serves)
struct DeclarationTests {
    @Test("the document describes every route, by unique ids, without a token")
    func document() async throws {
        let client = try Client()
        let answer = try await client.get("/openapi.json", token: nil)
        let document = answer.json
        #expect(answer.status == 200 && document["openapi"] == "3.1.0")
        for route in Routes.all {
            let path = route.path.split(separator: "/")
                .map { $0.first == ":" ? "/{\($0.dropFirst())}" : "/\($0)" }.joined()
            let method = route.method.rawValue.lowercased()
            let operation = document["paths"]?[path]?[method]
            #expect(operation?["operationId"]?.text == route.operation.id)
        }
        #expect(Set(Routes.all.map(\.operation.id)).count == Routes.all.count)
    }

    @Test(
        "Base64 of every length is taken by a signature's pattern as by its parser",
        arguments: [1, 2, 3, 4, 1_022, 1_023, 1_024, 1_025, 1_026, 1_027])
    func signatures(count: Int) throws {
        guard case .text(let rule) = Schema.firmwareSignature.bare, let form = rule.form else {
            return #expect(Bool(false), "a text with a form")
        }
        let text = Base64.encoded([UInt8](repeating: 0xA5, count: count))
        let isMatched = try Regex(form).wholeMatch(in: text) != nil
        #expect(isMatched == (count <= 1_024) && rule.allows(text) == isMatched, "\(text.count)")
    }

    @Test("names have the pattern of their type, and say so")
    func patterns() {
        let device = Schema.id(DeviceKey.self)
        #expect(device.document["pattern"]?.text == "^[A-Za-z0-9.:@_-]{1,64}$")
        #expect(device.rule == "1 to 64 of A-Z a-z 0-9 . : @ _ -")
        #expect(Schema.name.document["pattern"]?.text == #"^[^\u0000-\u001F\u007F-\u009F]{1,256}$"#)
        #expect(Schema.nullable(.choice(DeviceState.self)).document["enum"]?.array?.last == .null)
    }

    @Test(
        "a parameter that is unknown, wrong or given twice is refused by its name",
        arguments: [
            ("state=on", "state: must be inactive, active or disabled"),
            ("limit=+5", "limit: must be a whole number from 1 to 1000"),
            ("limit=0", "limit: must be a whole number from 1 to 1000"),
            ("limit=1001", "limit: must be a whole number from 1 to 1000"),
            ("limit=1&limit=1", "limit: is given twice"),
            ("stat=active", "stat: there is no such parameter here"),
            ("cursor=", "cursor: must be 1 to 1024 of a-f 0-9"),
            ("cursor=%zz", "the query is not percent-encoded UTF-8"),
            ("cursor=%ff", "the query is not percent-encoded UTF-8"),
        ]
    )
    func parameters(_ query: String, _ detail: String) async throws {
        let client = try Client()
        try await client.furnish()
        let answer = try await client.get("/v1/products/lamp/devices?\(query)")
        #expect(answer.status == 422 && answer.reason == "invalid-request")
        #expect(answer.json["detail"]?.text == detail)
    }

    @Test("what a path can't do is answered 405 with what it can; what there is not, 404")
    func methods() async throws {
        let client = try Client()
        try await client.furnish()
        let answer = try await client.send(.put, "/v1/products/lamp", [])
        #expect(answer.status == 405 && answer.reason == "method-not-allowed")
        #expect(answer.headers[.allow] == "DELETE, GET, HEAD, PATCH")
        #expect(try await client.send(.delete, "/v1/none").status == 404)
        #expect(try await client.get("/v1/products/no%20name").status == 404)
        #expect(try await client.get("/v1/products/%zz").status == 404)
    }

    @Test("the document lists every reason, each with a status of problems, and no other")
    func reasons() throws {
        let document = OpenAPI.document(of: Routes.all)
        let names = document["components"]?["schemas"]?["Reason"]?["enum"]?.array ?? []
        #expect(names == Reason.allCases.map { .text($0.name) })
        for route in Routes.all {
            for problem in route.problems {
                #expect(problem.reasons.allSatisfy { $0.status == problem.status.code })
            }
        }
    }

    @Test("every problem has a title: its status in words")
    func titles() {
        for reason in Reason.allCases {
            let title = Problem(reason, "detail").document["title"]?.text
            #expect(title?.isEmpty == false, "\(reason.name), \(reason.status)")
        }
    }

    @Test("a problem says what can be done about it")
    func remedies() async throws {
        let client = try Client()
        let answer = try await client.get("/v1/accounts/none")
        #expect(answer.reason == "unknown-account")
        #expect(answer.json["remedy"]?.text == Reason.unknownAccount.remedy)
        #expect(answer.json["type"]?.text == "urn:tollgate:reason:unknown-account")
    }
}
