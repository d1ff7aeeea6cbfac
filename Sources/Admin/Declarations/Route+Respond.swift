import Gateway
import HTTPTypes
import Hummingbird

extension Route {
    /// Answers a request for this route: who asks, what may that one do, are path and query right;
    /// then the operation itself.
    func respond(
        to request: Request,
        _ context: AdminContext,
        _ desk: Desk
    ) async throws -> Response {
        let principal = try desk.principal(of: request, from: context.address, for: access)
        guard access.admits(principal) else {
            throw Problem.forbidden("this needs \(access.rule)")
        }
        let path = try pathValues(context.parameters)
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
                principal: principal, desk: desk)
        )
    }

    /// A text that can't name anything names nothing.
    private func pathValues(_ parameters: Parameters) throws(Problem) -> [String: String] {
        var values: [String: String] = [:]
        for parameter in pathParameters {
            let text = parameters.get(parameter.name) ?? ""
            guard let value = String(percentEncoded: text),
                case .text(let rule) = parameter.schema.bare, rule.allows(value)
            else { throw .notFound("\(text): must be \(parameter.schema.rule)") }
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
