import Ledger

@testable import Admin

/// Requests made from the declarations alone, so that a new route is tested as soon as it is there.
struct Sample {
    /// What parameters and members of those names are; the others are made from their schemas.
    let names: [String: String]

    /// Optional members as well.
    var takesAll = false

    /// What has a form that no schema tells.
    private static let usual = [
        "month": "2026-11",
        "assignment": "1", "topup": "1", "code": "\(ActivationCode(serial: 1))",
        "metadata": "room=hall", "sha256": String(repeating: "0", count: 64),
        "signature": "c2lnbmVk",
        "delivery": "1", "url": "https://example.org/hook",
    ]

    func path(of route: Route, withQuery: Bool = false) -> String {
        let path = route.path.split(separator: "/")
            .map { part in
                guard part.first == ":" else { return "/\(part)" }
                let parameter = PathParameter.named(part.dropFirst())
                return "/\(text(parameter.schema, parameter.name))"
            }
            .joined()
        let parameters = route.operation.query.filter { withQuery || $0.isRequired }
            .filter { $0.name != "cursor" }
            .map { "\($0.name)=\(text($0.schema, $0.name))" }
        return parameters.isEmpty ? path : "\(path)?\(parameters.joined(separator: "&"))"
    }

    /// The type and bytes of a body that the operation takes; `nil` when it takes none.
    func body(of route: Route) -> (type: String, bytes: [UInt8])? {
        guard let content = route.operation.body?.contents.first else { return nil }
        let value = value(content.schema, "")
        return (
            content.type,
            content.type == "application/json" ? value.bytes : Array((value.text ?? "").utf8)
        )
    }

    /// A JSON body with all members that the operation takes; `nil` when it takes none.
    func whole(of route: Route) -> JSON? {
        route.operation.body?.json.map { Sample(names: names, takesAll: true).value($0, "") }
    }

    private func text(_ schema: Schema, _ name: String) -> String {
        let value = value(schema, name)
        return value.text ?? String(decoding: value.bytes, as: UTF8.self)
    }

    private func value(_ schema: Schema, _ name: String) -> JSON {
        switch schema.bare {
        case .text(let rule):
            if let name = names[name] ?? Self.usual[name] { return .text(name) }
            if let example = rule.example { return .text(example) }
            switch rule.format {
            case .time, .timeOrDay: return "2026-11-21T08:00:00Z"
            case .day: return "2026-11-21"
            case .email: return "ann@example.org"
            case nil: return .text(String(repeating: "a", count: max(1, rule.lengths.lowerBound)))
            }
        case .integer(let range): return .integer(range.contains(1) ? 1 : range.lowerBound)
        case .flag: return true
        case .choice(let names): return .text(names[0])
        case .list(let schema, let counts):
            return .array((0..<max(1, counts.lowerBound)).map { _ in value(schema, name) })
        case .object(let members, _):
            return .object(
                members.filter { takesAll || $0.isRequired }
                    .map { JSON.Member(name: $0.name, value: value($0.schema, $0.name)) }
            )
        case .map(_, let schema, _):
            return .object([JSON.Member(name: "room", value: value(schema, ""))])
        case .either(let forms): return value(forms[0], name)
        case .nullable(let schema), .optional(let schema): return value(schema, name)
        case .named, .noted: preconditionFailure("bare schemas have neither")
        }
    }
}
