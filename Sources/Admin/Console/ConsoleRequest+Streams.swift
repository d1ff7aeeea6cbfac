import HTTPTypes
import Hummingbird
import NIOCore

/// What is no page.
extension ConsoleRequest {
    /// A list whole, as CSV, read while it is sent. Its columns are those that the API's document has, so that every part
    /// has the same ones; members that are not declared are in one column, as JSON.
    func csv() async throws -> Response {
        guard segments.count == 2, let route = Console.routeIfAny(segments[1]),
            route.method == .get,
            let item = route.operation.answers.compactMap(\.item).first
        else { throw Problem.notFound("no such list") }
        let (path, asked) = parts(of: route)
        let fields = asked + (route.isPaged ? [("limit", "1000")] : [])
        let columns = Self.names(of: item, "")
        // What the caller may not see is refused before anything is sent.
        let first = try await get(segments[1], path, fields)
        let page = self
        return Response(
            status: .ok,
            headers: [
                .contentType: "text/csv; charset=utf-8", .cacheControl: "no-store",
                HTTPField.Name("Content-Disposition")!:
                    "attachment; filename=\"\(segments[1]).csv\"",
            ],
            body: ResponseBody { writer in
                try await writer.write(
                    ByteBuffer(bytes: Self.rows(of: first, columns, isFirst: true)))
                var cursor = first["cursor"]?.text
                // A key that was revoked meanwhile gets no more.
                while let next = cursor, try page.server.knows(page.presented) {
                    let part = try await page.get(
                        route.operation.id, path, fields + [("cursor", next)])
                    try await writer.write(
                        ByteBuffer(bytes: Self.rows(of: part, columns, isFirst: false)))
                    cursor = part["cursor"]?.text
                }
                try await writer.finish(nil)
            })
    }

    /// A stream of the API, for the script of a page.
    func live() async throws -> Response {
        guard segments.count == 2, ["listEvents", "traceDevice"].contains(segments[1]) else {
            throw Problem.notFound("no such stream")
        }
        let (path, fields) = parts(of: Console.route(segments[1]))
        let response = try await answer(
            of: segments[1], path, fields, accept: "text/event-stream")
        let (sessions, id) = (console.sessions, sessionID)
        var bound = response
        // Whatever is sent next, a line that shows that it is alive at the latest, finds that the session has ended.
        bound.body = response.body.map { buffer in
            guard sessions.isOpen(id) else { throw CancellationError() }
            return buffer
        }
        return bound
    }

    /// What the query has for the path of an operation, and what it has for its query.
    private func parts(of route: Route) -> ([String: String], Fields) {
        let names = Set(route.pathParameters.map(\.name))
        let path = query.filter { names.contains($0.name) }.map { ($0.name, $0.value) }
        let others = query.filter { !names.contains($0.name) }
        return (
            Dictionary(path) { first, _ in first },
            others.filter { $0.name != "cursor" && $0.name != "limit" }
        )
    }

    private static let more = "more"

    private static func names(of schema: Schema, _ prefix: String) -> [String] {
        let columns = schema.members.flatMap { member in
            member.schema.members.isEmpty
                ? [prefix + member.name]
                : names(of: member.schema, "\(prefix)\(member.name).")
        }
        guard case .object(_, isOpen: true) = schema.bare else { return columns }
        return columns + [more]
    }

    private static func rows(of part: JSON, _ columns: [String], isFirst: Bool) -> [UInt8] {
        var bytes: [UInt8] = []
        if isFirst { CSV.append(columns, to: &bytes) }
        for item in part["items"]?.array ?? [] {
            CSV.append(
                columns.map { name in
                    name == more
                        ? CSVField(rest(of: item, columns)) : CSVField(item.at(name) ?? .null)
                }, to: &bytes)
        }
        return bytes
    }

    private static func rest(of item: JSON, _ columns: [String]) -> String {
        guard case .object(let members) = item else { return "" }
        let others = members.filter { !columns.contains($0.name) }
        return String(decoding: JSON.object(others).bytes, as: UTF8.self)
    }

    /// The request with the token of its session.
    private var presented: Request {
        var head = request.head
        head.headerFields[.authorization] = "Bearer \(session.token)"
        return Request(head: head, body: request.body)
    }
}
