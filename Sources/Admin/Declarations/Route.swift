import Gateway
import HTTPTypes
import Hummingbird

/// An operation in its place, and who carries it out.
struct Route: Sendable {
    let method: HTTPRequest.Method

    /// `/v1/products/:pk`
    let path: String
    let operation: Operation
    let answer: @Sendable (Call) async throws -> Response

    /// Without being told: everybody reads, and applications do no more than that.
    var access: Access { operation.access ?? (method == .get ? .everyone : .managers) }

    var pathParameters: [PathParameter] {
        segments.filter { $0.first == ":" }.map { .named($0.dropFirst()) }
    }

    /// Whatever changes something can be sent again with an idempotency key (rule A8).
    var takesIdempotencyKey: Bool { method != .get && access.needsToken }

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
        var reasons = operation.problems
        if access.needsToken { reasons += [.unauthorized, .tooManyRequests] }
        if access.needsToken, method != .get || access != .everyone { reasons.append(.forbidden) }
        let parameters = pathParameters
        if !parameters.isEmpty { reasons += [.notFound] + parameters.map(\.absent) }
        if operation.answers.contains(where: \.isPaged) { reasons.append(.unknownCursor) }
        if operation.body != nil || !operation.query.isEmpty || access.needsToken {
            reasons.append(.invalidRequest)
        }
        if operation.body != nil { reasons += [.requestTooLarge, .unsupportedMediaType] }
        if takesIdempotencyKey { reasons.append(.idempotencyKeyReused) }
        if access.needsToken { reasons.append(.ledgerUnavailable) }
        let byStatus = Dictionary(grouping: Set(reasons)) { $0.status }
        return byStatus.sorted { $0.key < $1.key }
            .map { (HTTPResponse.Status(code: $0.key), $0.value.sorted { $0.name < $1.name }) }
    }
}
