import Cryptography
import Gateway
import HTTPTypes
import Hummingbird
import NIOCore

/// The API's document for people (`/docs`): one page, made from the same declarations, which loads nothing.
enum DocumentPage {
    static let bytes = Array(text(of: Routes.all).utf8)

    /// Nothing but this page's own style and script, by their digests.
    static let policy = [
        "default-src 'none'", "style-src '\(digest(of: PageStyle.text))'",
        "script-src '\(digest(of: PageScript.text))'", "base-uri 'none'", "form-action 'none'",
        "frame-ancestors 'none'",
    ].joined(separator: "; ")

    private static func digest(of text: String) -> String {
        let digest = SHA256.hash(Array(text.utf8).span)
        return "sha256-" + Base64.encoded((0..<SHA256Digest.length).map { digest.span[$0] })
    }

    static func text(of routes: [Route]) -> String {
        let tags = Set(routes.map(OpenAPI.tag)).sorted()
        let sections = tags.map { tag in
            section(tag, routes.filter { OpenAPI.tag(of: $0) == tag })
        }
        return """
            <!DOCTYPE html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <meta name="color-scheme" content="light dark">
            <title>Tollgate: the API</title>
            <style>\(PageStyle.text)</style>
            </head>
            <body>
            <header>
            <h1>Tollgate: the API</h1>
            <p>\(routes.count) operations. For programs: <a href="/openapi.json">openapi.json</a> (OpenAPI 3.1). Send
            <code>Authorization: Bearer TOKEN</code>: the owner’s token, or that of a key.</p>
            <input id="search" type="search" placeholder="Search: a path, a name, a reason" \
            aria-label="Search operations" autocomplete="off" hidden>
            <p id="found" role="status"></p>
            <nav aria-label="Resources">\(tags.map { "<a href=\"#\($0)\">\($0)</a>" }.joined(separator: " "))
            <a href="#schemas">schemas</a> <a href="#reasons">problems</a></nav>
            </header>
            <main>
            \(sections.joined(separator: "\n"))
            \(schemas(of: routes))
            \(reasons(of: routes))
            </main>
            <script>\(PageScript.text)</script>
            </body>
            </html>

            """
    }

    private static func section(_ tag: String, _ routes: [Route]) -> String {
        "<section id=\"\(tag)\"><h2>\(tag)</h2>\n"
            + routes.map(operation).joined(separator: "\n") + "\n</section>"
    }

    private static func operation(_ route: Route) -> String {
        let operation = route.operation
        let method = route.method.rawValue
        let path = OpenAPI.template(of: route.path)
        let parameters =
            route.pathParameters.map { row($0.name, "path", $0.schema, "", route) }
            + operation.query.map {
                row($0.name, $0.isRequired ? "query, required" : "query", $0.schema, $0.note, route)
            }
            + route.headers.map { row($0.name, "header", $0.schema, $0.note, route) }
        var parts = [
            "<details id=\"\(operation.id)\" class=\"operation\">",
            "<summary><span class=\"method \(method.lowercased())\">\(method)</span> "
                + "<code>\(path.escapedForHTML)</code> <span>\(operation.summary.escapedForHTML)</span></summary>",
            "<p><b>\(operation.id)</b>. Access: \(route.access.rule.escapedForHTML).</p>",
        ]
        if !parameters.isEmpty {
            parts.append(
                table(["parameter", "in", "value", "example", ""], parameters, named: "Parameters"))
        }
        if let body = operation.body {
            parts.append("<h4>Body</h4><p>\(body.jsonLimit.note.escapedForHTML)</p>")
            parts += body.contents.map { content($0, of: route) }
        }
        for answer in operation.answers {
            parts.append(
                "<h4>Answer \(answer.status.code)</h4><p>\(answer.note.escapedForHTML)</p>")
            parts += answer.contents.map { content($0, of: route) }
        }
        parts.append("<h4>Problems</h4><p>" + problems(of: route) + "</p>")
        parts.append("<h4>With curl</h4><pre>\(curl(route).escapedForHTML)</pre></details>")
        return parts.joined(separator: "\n")
    }

    private static func row(
        _ name: String, _ place: String, _ schema: Schema, _ note: String, _ route: Route
    ) -> [String] {
        let example = Example(of: route).value(of: schema, named: name)
        return [
            "<code>\(name.escapedForHTML)</code>", place, schema.ruleForHTML,
            "<code>\(example.plainText.escapedForHTML)</code>", note.escapedForHTML,
        ]
    }

    private static func content(_ content: Answer.Content, of route: Route) -> String {
        let example = content.example(of: route).map { example in
            let text = example.text ?? example.indented()
            return "<pre>\(text.escapedForHTML)</pre>"
        }
        let rows = content.type == "application/json" ? content.schema.rowsForHTML : ""
        return "<p><code>\(content.type)</code></p>\(rows)\(example ?? "")"
    }

    private static func problems(of route: Route) -> String {
        route.problems.map { problem in
            let links = problem.reasons.map { "<a href=\"#reason-\($0.name)\">\($0.name)</a>" }
            return "\(problem.status.code): \(links.joined(separator: ", "))"
        }
        .joined(separator: "<br>")
    }

    /// The least that works.
    private static func curl(_ route: Route) -> String {
        let example = Example(of: route)
        var path = route.path
        for parameter in route.pathParameters {
            let text = example.value(of: parameter.schema, named: parameter.name).plainText
            path = path.replacing(":\(parameter.name)", with: text)
        }
        let needed = route.operation.query.filter(\.isRequired).map { parameter in
            let text = example.value(of: parameter.schema, named: parameter.name).plainText
            return "\(parameter.name)=\(text)"
        }
        if !needed.isEmpty { path += "?" + needed.joined(separator: "&") }
        var lines = ["curl -X \(route.method.rawValue) 'http://127.0.0.1:8080\(path)'"]
        if route.access.needsToken { lines.append("-H \"Authorization: Bearer $TOKEN\"") }
        if let content = route.operation.body?.contents.first {
            lines.append("-H 'Content-Type: \(content.type)'")
            let body = content.example(of: route).map { $0.text ?? $0.plainText } ?? ""
            lines.append("-d '\(body)'")
        }
        return lines.joined(separator: " \\\n  ")
    }

    private static func schemas(of routes: [Route]) -> String {
        var named: [String: Schema] = [:]
        for route in routes {
            let contents =
                route.operation.answers.flatMap(\.contents)
                + (route.operation.body?.contents ?? [])
            for (name, schema) in contents.map(\.schema).flatMap(\.components) {
                named[name] = schema
            }
        }
        for (name, schema) in Schema.problem.components { named[name] = schema }
        let parts = named.filter { $0.key != "Reason" }.sorted { $0.key < $1.key }
            .map { name, schema in
                "<h3 id=\"schema-\(name)\">\(name)</h3>\(schema.rowsForHTML)"
            }
        return
            "<section id=\"schemas\"><h2>schemas</h2>\n\(parts.joined(separator: "\n"))</section>"
    }

    private static func reasons(of routes: [Route]) -> String {
        let used = Set(routes.flatMap { $0.problems.flatMap(\.reasons) })
        let rows = used.sorted { $0.name < $1.name }.map { reason in
            [
                "<code id=\"reason-\(reason.name)\">\(reason.name)</code>", "\(reason.status)",
                reason.text.escapedForHTML, reason.remedy.escapedForHTML,
            ]
        }
        let table = table(["reason", "status", "what it means", "what to do"], rows, named: nil)
        return "<section id=\"reasons\"><h2>problems</h2>\n\(table)</section>"
    }

    fileprivate static func table(_ head: [String], _ rows: [[String]], named name: String?)
        -> String
    {
        let title = name.map { "<h4>\($0)</h4>" } ?? ""
        let cells = head.map { "<th scope=\"col\">\($0)</th>" }.joined()
        let lines = rows.map { row in
            "<tr>\(row.map { "<td>\($0)</td>" }.joined())</tr>"
        }
        return "\(title)<div class=\"wide\"><table><thead><tr>\(cells)</tr></thead><tbody>"
            + lines.joined(separator: "\n") + "</tbody></table></div>"
    }
}

extension Response {
    /// The page, which no other site may frame.
    static var documentPage: Response {
        var response = Response(.ok, "text/html; charset=utf-8", DocumentPage.bytes)
        for (name, value) in [
            ("Content-Security-Policy", DocumentPage.policy), ("Referrer-Policy", "no-referrer"),
        ] {
            if let name = HTTPField.Name(name) { response.headers[name] = value }
        }
        return response
    }
}

extension Schema {
    /// What a value must be; a schema with a name is a link to it.
    fileprivate var ruleForHTML: String {
        switch self {
        case .named("Reason", _): "<a href=\"#reasons\">a reason</a>"
        case .named(let name, _): "<a href=\"#schema-\(name)\">\(name)</a>"
        case .noted(let schema, _), .optional(let schema): schema.ruleForHTML
        case .nullable(let schema): "\(schema.ruleForHTML), or null"
        case .list(let schema, _): "\(rule.escapedForHTML), each \(schema.ruleForHTML)"
        case .map(_, let schema, _): "\(rule.escapedForHTML), each \(schema.ruleForHTML)"
        case .text, .integer, .flag, .choice, .object, .either: rule.escapedForHTML
        }
    }

    /// The members of an object, those of objects within by their path.
    fileprivate var rowsForHTML: String {
        switch self {
        case .named(let name, let schema) where !schema.members.isEmpty:
            return "<p><a href=\"#schema-\(name)\">\(name)</a></p>" + schema.rowsForHTML
        case .named(_, let schema), .noted(let schema, _): return schema.rowsForHTML
        case .either(let forms):
            return forms.map(\.rowsForHTML).joined(separator: "<p>or</p>")
        case .text, .integer, .flag, .choice, .list, .object, .map, .nullable, .optional:
            let rows = rows(below: "")
            guard !rows.isEmpty else { return "<p>\(ruleForHTML)</p>" }
            return DocumentPage.table(["member", "value", ""], rows, named: nil)
        }
    }

    private func rows(below path: String) -> [[String]] {
        members.flatMap { member -> [[String]] in
            let name = path.isEmpty ? member.name : "\(path).\(member.name)"
            var note = ""
            if case .noted(_, let text) = member.schema { note = text }
            let optional = member.isRequired ? "" : " <i>(may be left out)</i>"
            let row = [
                "<code>\(name.escapedForHTML)</code>", member.schema.ruleForHTML + optional,
                note.escapedForHTML,
            ]
            return [row] + (member.schema.isNamed ? [] : member.schema.inner.rows(below: name))
        }
    }

    /// Of a list, its elements.
    private var inner: Schema {
        if case .list(let schema, _) = bare { return schema.isNamed ? .flag : schema }
        return self
    }

    private var isNamed: Bool {
        switch self {
        case .named: true
        case .noted(let schema, _), .nullable(let schema), .optional(let schema): schema.isNamed
        case .text, .integer, .flag, .choice, .list, .object, .map, .either: false
        }
    }
}

extension JSON {
    /// A text as it is, anything else as JSON.
    fileprivate var plainText: String { text ?? String(decoding: bytes, as: UTF8.self) }

    /// With a line for each member and element.
    fileprivate func indented(by depth: Int = 0) -> String {
        let (inner, outer) = (
            String(repeating: "  ", count: depth + 1), String(repeating: "  ", count: depth)
        )
        switch self {
        case .object(let members) where !members.isEmpty:
            let lines = members.map { member in
                let name = String(decoding: JSON.text(member.name).bytes, as: UTF8.self)
                return "\(inner)\(name): \(member.value.indented(by: depth + 1))"
            }
            return "{\n\(lines.joined(separator: ",\n"))\n\(outer)}"
        case .array(let elements) where !elements.isEmpty:
            let lines = elements.map { inner + $0.indented(by: depth + 1) }
            return "[\n\(lines.joined(separator: ",\n"))\n\(outer)]"
        case .null, .bool, .integer, .number, .text, .array, .object:
            return String(decoding: bytes, as: UTF8.self)
        }
    }
}

extension String {
    /// As text and as an attribute's value.
    fileprivate var escapedForHTML: String {
        var escaped = ""
        for character in unicodeScalars {
            switch character {
            case "&": escaped += "&amp;"
            case "<": escaped += "&lt;"
            case ">": escaped += "&gt;"
            case "\"": escaped += "&quot;"
            case "'": escaped += "&#39;"
            default: escaped.unicodeScalars.append(character)
            }
        }
        return escaped
    }
}
