import Gateway
import HTTPTypes
import Hummingbird
import Ledger
import NIOCore
import Synchronization

/// One request of a person who is signed in.
///
/// All that a page shows, and all that a form does, is an operation of the API, carried out in process for the key of the
/// session: by `Route.respond`, which every request for `/v1` goes through. The console has no rule of its own.
struct ConsoleRequest: Sendable {
    typealias Fields = [(name: String, value: String)]

    let console: Console
    let request: Request
    let context: AdminContext
    let sessionID: String
    let session: ConsoleSessions.Session
    let principal: Principal
    let language: Language

    /// What comes behind `/console`, decoded.
    let segments: [String]
    let query: Fields

    /// What the form that was sent is shown with again.
    var failure: ConsoleFailure?
    var notice: ConsoleNotice?

    var server: ServerContext { console.server }

    func t(_ word: Word) -> String { word.text(in: language) }

    /// A field of the query; `nil` when it is missing or empty.
    func asked(_ name: String) -> String? {
        query.first { $0.name == name && !$0.value.isEmpty }?.value
    }

    /// Whether the caller's role may do that, by the table that the API checks it with.
    func may(_ operation: String) -> Bool {
        Console.route(operation).access.admits(principal)
    }

    /// The document that an operation answers.
    func get(
        _ operation: String, _ path: [String: String] = [:], _ query: Fields = []
    ) async throws -> JSON {
        let response = try await answer(of: operation, path, query)
        guard let json = JSON(parsing: try await response.bytes()) else {
            throw Problem(.internalError, "the request failed")
        }
        return json
    }

    /// The same, or `nil` when the caller may not see it or there is no such thing.
    func find(
        _ operation: String, _ path: [String: String] = [:], _ query: Fields = []
    ) async throws -> JSON? {
        guard may(operation) else { return nil }
        do {
            return try await get(operation, path, query)
        } catch let problem as Problem {
            guard problem.status == .notFound || problem.status == .conflict else { throw problem }
            return nil
        }
    }

    /// All elements of a list, up to a few parts of it.
    func all(
        _ operation: String, _ path: [String: String] = [:], _ query: Fields = [], parts: Int = 1
    ) async throws -> (items: [JSON], isWhole: Bool) {
        var (items, cursor): ([JSON], String?) = ([], nil)
        for _ in 0..<parts {
            let next: Fields = cursor.map { [("cursor", $0)] } ?? []
            let part = try await get(operation, path, query + [("limit", "1000")] + next)
            items += part["items"]?.array ?? []
            cursor = part["cursor"]?.text
            if cursor == nil { break }
        }
        return (items, cursor == nil)
    }

    /// Carries out an operation as a request to the API does.
    ///
    /// - Parameters:
    ///   - body: its media type and content.
    ///   - once: an idempotency key, for operations that take one.
    func answer(
        of operation: String,
        _ path: [String: String],
        _ query: Fields = [],
        body: (type: String, content: RequestBody)? = nil,
        accept: String = "application/json",
        once: String? = nil
    ) async throws -> Response {
        let route = Console.route(operation)
        var text = ""
        for segment in route.path.split(separator: "/") {
            guard segment.first == ":" else {
                text += "/\(segment)"
                continue
            }
            text += "/" + ConsoleLink.encoded(path[String(segment.dropFirst())] ?? "")
        }
        for (index, field) in query.enumerated() {
            text += (index == 0 ? "?" : "&") + ConsoleLink.encoded(field.name) + "="
            text += ConsoleLink.encoded(field.value)
        }
        var head = HTTPRequest(
            method: route.method, scheme: request.head.scheme, authority: request.head.authority,
            path: text)
        head.headerFields[.authorization] = "Bearer \(session.token)"
        head.headerFields[.accept] = accept
        head.headerFields[.contentType] = body?.type
        if route.takesIdempotencyKey { head.headerFields[Call.idempotencyKey] = once }
        // A stream looks at the connection of the request that it came with.
        return try await route.respond(
            to: Request(head: head, body: body?.content ?? request.body), as: principal,
            context.channel, server
        ) { path[$0].map(ConsoleLink.encoded) }
    }
}

extension Route {
    /// Whether it has that parameter of the query.
    func takes(_ parameter: String) -> Bool { operation.query.contains { $0.name == parameter } }
}

/// Why a form was not carried out, and what it had in it.
struct ConsoleFailure: Sendable {
    /// Which form of the page.
    let form: String
    let problem: Problem
    let values: [String: String]

    /// What is wrong with a field, if that is what is wrong.
    func detail(of field: String) -> String? {
        let pointer = "/" + field.replacing(".", with: "/")
        for fault in problem.errors {
            // A parameter is in no body.
            let isOfParameter = fault.pointer == nil && fault.text == "\(field): \(fault.detail)"
            if isOfParameter || Self.isPlace(fault.pointer ?? "", in: pointer) {
                return fault.detail
            }
        }
        guard problem.errors.isEmpty, let end = problem.detail.firstRange(of: ": "),
            Self.isPlace(problem.detail[..<end.lowerBound], in: field)
        else { return nil }
        return String(problem.detail[end.upperBound...])
    }

    /// Whether that is `field`, or an element of it: `up/3` of `up`.
    private static func isPlace(_ place: some StringProtocol, in field: String) -> Bool {
        guard place.hasPrefix(field) else { return false }
        let rest = place.dropFirst(field.count)
        return rest.isEmpty
            || rest.first == "/" && rest.count > 1 && rest.dropFirst().allSatisfy(\.isNumber)
    }
}

extension Response {
    /// The whole body. Only for answers that end.
    func bytes() async throws -> [UInt8] {
        let collected = Collected()
        try await body.write(Collector(collected: collected))
        return collected.bytes.withLock { $0 }
    }
}

private final class Collected: Sendable {
    let bytes = Mutex<[UInt8]>([])
}

private struct Collector: ResponseBodyWriter {
    let collected: Collected

    mutating func write(_ buffer: ByteBuffer) async throws {
        collected.bytes.withLock { $0.append(contentsOf: buffer.readableBytesView) }
    }

    consuming func finish(_ trailingHeaders: HTTPFields?) async throws {}
}

extension JSON {
    /// `codes.total`: a member of a member.
    func at(_ path: String) -> JSON? {
        var value: JSON? = self
        for name in path.split(separator: ".") { value = value?[String(name)] }
        return value == .null ? nil : value
    }

    /// The text of a member; empty when there is none.
    func text(_ path: String) -> String {
        guard let value = at(path) else { return "" }
        return value.text ?? String(decoding: value.bytes, as: UTF8.self)
    }

    func number(_ path: String) -> Int64 { at(path)?.integer ?? 0 }
}
