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

    private var segments: [Substring] { path.split(separator: "/") }

    func matches(_ path: String) -> Bool {
        let parts = path.split(separator: "/")
        let segments = segments
        return parts.count == segments.count
            && zip(parts, segments).allSatisfy { $0 == $1 || $1.first == ":" }
    }

    /// The reasons of problems that can come back, by their status.
    var problems: [(status: HTTPResponse.Status, reasons: [String])] {
        var reasons = operation.problems
        if access.needsToken { reasons += ["unauthorized", "too-many-requests"] }
        if access.needsToken, method != .get || access != .everyone { reasons.append("forbidden") }
        let parameters = pathParameters
        if !parameters.isEmpty { reasons += ["not-found"] + parameters.map(\.absent) }
        if operation.answers.contains(where: \.isPaged) { reasons.append("unknown-cursor") }
        if operation.body != nil || !operation.query.isEmpty || access.needsToken {
            reasons.append("invalid-request")
        }
        if operation.body != nil { reasons += ["request-too-large", "unsupported-media-type"] }
        if takesIdempotencyKey { reasons.append("idempotency-key-reused") }
        if access.needsToken { reasons.append("ledger-unavailable") }
        let byStatus = Dictionary(grouping: Set(reasons)) { Problem.status(of: $0).code }
        return byStatus.sorted { $0.key < $1.key }
            .map { (HTTPResponse.Status(code: $0.key), $0.value.sorted()) }
    }
}
