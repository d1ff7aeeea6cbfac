import HTTPTypes
import Ledger
import Processes
import Testing

@testable import Admin

/// Each kind of text is the same at every door: in JSON, in queries and paths, in CSV.
@Suite("Texts", .serves)
struct TextsTests {
    private static let bad = [
        "a\u{1B}[31m", "a\u{0}b", "a\u{9B}2J", "a\u{7F}", "a\nb", "a\tb", "a\r",
        String(repeating: "é", count: 257),
    ]

    private func world() async throws -> (Client, Sample) {
        let client = try Client()
        try await client.furnish()
        _ = try await client.csv("/v1/products/lamp/devices", "dk,secret\nd1,s\n")
        return (
            client,
            Sample(
                names: [
                    "account": "acme", "pk": "lamp", "product": "lamp", "dk": "d1",
                    "package": "basic",
                ])
        )
    }

    @Test("a name is what the type says, in the schema as well")
    func names() {
        let texts =
            Self.bad + ["", "a", " ", "é", "🙂", String(repeating: "é", count: 256), "\u{A0}"]
        for text in texts {
            let isName = DisplayName(text) != nil
            guard case .text(let rule) = Schema.name, case .text(let optional) = Schema.optionalName
            else { return }
            #expect(rule.allows(text) == isName, "\(text.debugDescription)")
            #expect(optional.allows(text) == (isName || text.isEmpty))
        }
    }

    /// The object with another value at that place: one for each text in it.
    private func variants(_ json: JSON, _ name: String, _ text: String) -> [(String, JSON)] {
        switch json {
        case .text: return [(name, .text(text))]
        case .array(let elements):
            return elements.indices.flatMap { index in
                variants(elements[index], name, text).map { place, value in
                    var copy = elements
                    copy[index] = value
                    return (place, .array(copy))
                }
            }
        case .object(let members):
            return members.indices.flatMap { index in
                variants(members[index].value, members[index].name, text).map { place, value in
                    var copy = members
                    copy[index] = .init(name: members[index].name, value: value)
                    return (place, .object(copy))
                }
            }
        case .null, .bool, .integer, .number: return []
        }
    }

    @Test(
        "no operation takes a control character, or more than its length, in any text of its body")
    func bodies() async throws {
        let (client, sample) = try await world()
        var count = 0
        for route in Routes.all where route.operation.body?.json != nil {
            let body = try #require(sample.whole(of: route))
            for text in Self.bad {
                for (name, variant) in variants(body, "", text) where name != "payload" {
                    // These may be longer.
                    let isLong = ["topic", "directory", "certificate", "proof", "crl"]
                        .contains(name)
                    if isLong, text.unicodeScalars.count > 256 { continue }
                    let answer = try await client.send(
                        route.method, sample.path(of: route), variant.bytes)
                    let place = "\(route.operation.id) \(name) \(text.debugDescription)"
                    // PEM has lines, of which these are none.
                    let isPEM =
                        ["certificate", "proof", "crl"].contains(name)
                        && text.unicodeScalars.allSatisfy(Alphabet.lines.contains)
                    // The authority that would have the list is not there.
                    let status = isPEM ? (name == "crl" ? 404 : 409) : 422
                    #expect(answer.status == status, "\(place): \(answer.text)")
                    count += 1
                }
            }
        }
        #expect(count > 200)
    }

    @Test("nor in a parameter of the query, or a part of the path")
    func parameters() async throws {
        let (client, sample) = try await world()
        for text in Self.bad {
            let value = text.utf8.map { "%" + String(0x100 | Int($0), radix: 16).dropFirst() }
                .joined()
            for route in Routes.all where route.access.needsToken {
                for parameter in route.operation.query {
                    guard case .text = parameter.schema.bare else { continue }
                    let path = String(sample.path(of: route).prefix { $0 != "?" })
                    let answer = try await client.send(
                        route.method, "\(path)?\(parameter.name)=\(value)",
                        sample.body(of: route)?.bytes)
                    #expect(answer.status == 422, "\(route.operation.id) \(parameter.name)")
                }
                for parameter in route.pathParameters {
                    let path = route.path.split(separator: "/").map { part in
                        part == ":\(parameter.name)"
                            ? value : part.first == ":" ? "x" : String(part)
                    }
                    let answer = try await client.send(
                        route.method, "/" + path.joined(separator: "/"),
                        sample.body(of: route)?.bytes)
                    #expect(
                        [404, 422].contains(answer.status),
                        "\(route.operation.id) \(parameter.name)")
                }
            }
        }
    }

    @Test("nor in a field of a CSV: all of it is refused, and the line is named")
    func csv() async throws {
        let (client, _) = try await world()
        for text in Self.bad {
            for fields in [[text, "s", "n"], ["d9", text, "n"], ["d9", "s", text]] {
                var bytes = Array("dk,secret,name\nd8,s,fine\n".utf8)
                CSV.append(fields, to: &bytes)
                let answer = try await client.send(
                    .post, "/v1/products/lamp/devices", bytes, type: "text/csv")
                #expect(answer.reason == "invalid-csv", "\(fields) \(answer.text)")
                #expect(answer.json["line"] == 3)
            }
        }
        let devices = try await client.get("/v1/products/lamp/devices").json["items"]?.array
        #expect(devices?.compactMap { $0["dk"]?.text } == ["d1"])
        let longest = String(repeating: "é", count: 256)
        let answer = try await client.csv(
            "/v1/products/lamp/devices", "dk,secret,name\nd9,,\(longest)\n")
        #expect(answer.status == 201, "\(answer.text)")
    }
}
