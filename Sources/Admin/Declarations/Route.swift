import Gateway
import HTTPTypes
import Hummingbird
import NIOCore

/// An operation in its place, and who carries it out.
struct Route: Sendable {
    let method: HTTPRequest.Method

    /// `/v1/products/:pk`
    let path: String
    let operation: Operation
    let answer: @Sendable (Call) async throws -> Response

    /// By default every role reads, and applications do no more than that.
    var access: Access { operation.access ?? (method == .get ? .everyone : .managers) }

    var pathParameters: [PathParameter] {
        segments.filter { $0.first == ":" }.map { .named($0.dropFirst()) }
    }

    /// Whatever changes the books can be sent again with an idempotency key (rule A8).
    var takesIdempotencyKey: Bool {
        method != .get && access.needsToken && operation.isRemembered
    }

    /// It answers a list part by part, and takes `limit` and `cursor`.
    var isPaged: Bool { operation.answers.contains(where: \.isPaged) }

    var headers: [Parameter] {
        operation.headers + (takesIdempotencyKey ? [Call.idempotencyKeyParameter] : [])
    }

    private var segments: [Substring] { path.split(separator: "/") }

    func matches(_ path: String) -> Bool {
        let parts = path.split(separator: "/")
        let segments = segments
        return parts.count == segments.count
            && zip(parts, segments).allSatisfy { $0 == $1 || $1.first == ":" }
    }

    /// The reasons of problems that can come back, by their status.
    var problems: [(status: HTTPResponse.Status, reasons: [Reason])] {
        var reasons = operation.problems + [.malformedRequest]
        if access.needsToken { reasons += [.unauthorized, .tooManyRequests, .tooManyWrongTokens] }
        if access.needsToken, method != .get || access != .everyone { reasons.append(.forbidden) }
        let parameters = pathParameters
        if !parameters.isEmpty { reasons += [.notFound] + parameters.map(\.absent) }
        if isPaged { reasons.append(.unknownCursor) }
        if operation.body != nil || !operation.query.isEmpty || access.needsToken {
            reasons.append(.invalidRequest)
        }
        if operation.body != nil {
            reasons += [.requestTooLarge, .tooMuchAtOnce, .unsupportedMediaType]
        }
        if takesIdempotencyKey { reasons.append(.idempotencyKeyReused) }
        if access.needsToken { reasons.append(.ledgerUnavailable) }
        let byStatus = Dictionary(grouping: Set(reasons)) { $0.status }
        return byStatus.sorted { $0.key < $1.key }
            .map { (HTTPResponse.Status(problem: $0.key), $0.value.sorted { $0.name < $1.name }) }
    }
}

extension Route {
    /// Answers a request for this route: checks the caller and its role, path, query and headers, then
    /// carries the operation out.
    func respond(
        to request: Request,
        _ context: AdminContext,
        _ server: ServerContext
    ) async throws -> Response {
        let principal = try server.principal(of: request, context, for: access)
        return try await respond(to: request, as: principal, context.channel, server) {
            context.parameters.get($0)
        }
    }

    /// The same for a caller who is known.
    ///
    /// - Parameters:
    ///   - channel: the connection that the request came on; `nil` when it was made in process.
    ///   - parameters: the parts of the path that vary, percent-encoded, by name.
    func respond(
        to request: Request,
        as principal: Principal,
        _ channel: (any Channel)?,
        _ server: ServerContext,
        _ parameters: (String) -> String?
    ) async throws -> Response {
        guard access.admits(principal) else {
            throw Problem.forbidden("this needs \(access.rule)")
        }
        let path = try pathValues(parameters)
        let query = try Query(parsing: request.uri.query, operation.query)
        for header in headers {
            guard let text = HTTPField.Name(header.name).flatMap({ request.headers[$0] }) else {
                guard header.isRequired else { continue }
                throw Problem.invalid("\(header.name): is missing")
            }
            try header.schema.check(text: text, at: header.name)
        }
        try checkType(of: request)
        return try await answer(
            Call(
                request: request, operation: operation, path: path, query: query,
                principal: principal, server: server, channel: channel,
                share: server.bodies.share())
        )
    }

    /// A text that can't name anything names nothing; of what people write, it is a mistake.
    private func pathValues(
        _ parameters: (String) -> String?
    ) throws(Problem) -> [String: String] {
        var values: [String: String] = [:]
        for parameter in pathParameters {
            let text = parameters(parameter.name) ?? ""
            guard let value = String(percentEncoded: text),
                parameter.schema.names(value)
            else {
                let fault = "\(parameter.name): must be \(parameter.schema.rule)"
                throw parameter.isWritten ? .invalid(fault) : .notFound("\(text): \(fault)")
            }
            values[parameter.name] = value
        }
        return values
    }

    private func checkType(of request: Request) throws(Problem) {
        guard let body = operation.body, !body.contents.contains(where: { $0.type == request.type })
        else { return }
        let types = body.contents.map(\.type).joined(separator: " or ")
        throw Problem(.unsupportedMediaType, "the request's body must be \(types)")
    }
}

extension Request {
    /// The media type of the body, without parameters; `nil` when it is not told.
    var type: String? {
        headers[.contentType]?.split(separator: ";").first
            .map { $0.filter { $0 != " " }.lowercased() }
    }
}
