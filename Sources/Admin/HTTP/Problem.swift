import HTTPTypes
import Ledger
import Storage

/// Why a request was not carried out: a problem document (RFC 9457), whose `reason` is the name that
/// the wire, the logs and the metrics use, too. Whoever gets one may rely on nothing having changed.
struct Problem: Error, Equatable, Sendable {
    let status: HTTPResponse.Status
    let reason: String
    let detail: String

    /// Where in the request: the line of a CSV body.
    var line: Int?

    /// When the request may be sent again, in the header `Retry-After`.
    var retryAfterSeconds: Int?

    /// What the resource can do instead, in the header `Allow`.
    var allow: String?

    init(_ reason: String, _ detail: String, line: Int? = nil) {
        status = Self.status(of: reason)
        self.reason = reason
        self.detail = detail
        self.line = line
    }

    /// A field or parameter of the request that is missing or wrong.
    static func invalid(_ detail: String) -> Problem { Problem("invalid-request", detail) }

    static let unauthorized = Problem(
        "unauthorized",
        "a valid token is needed: Authorization: Bearer TOKEN"
    )

    static func forbidden(_ detail: String) -> Problem { Problem("forbidden", detail) }

    static func notFound(_ detail: String) -> Problem { Problem("not-found", detail) }

    static let unknownCursor = Problem(
        "unknown-cursor", "the cursor is none that this list gave with these filters")

    /// The store can't answer: nothing was changed, and the request can be sent again.
    init(_ error: StoreError) {
        self.init("ledger-unavailable", "\(error)")
        retryAfterSeconds = 1
    }

    init(_ refusal: Refusal) {
        var line: Int?
        if case .importLine(let number, _, _) = refusal { line = Int(number) }
        self.init(refusal.name, "\(refusal)", line: line)
    }

    /// Every reason has one status. What is not listed contradicts what is in the books: 409.
    static func status(of reason: String) -> HTTPResponse.Status {
        if reason.hasPrefix("unknown-") { return .notFound }
        return switch reason {
        case "unauthorized": .unauthorized
        case "forbidden": .forbidden
        case "not-found", "not-connected": .notFound
        case "method-not-allowed": .methodNotAllowed
        case "request-too-large", "import-too-large", "message-too-large": .contentTooLarge
        case "unsupported-media-type": .unsupportedMediaType
        case "invalid-request", "invalid-csv", "name-too-long", "quantity-out-of-range",
            "idempotency-key-invalid":
            .unprocessableContent
        case "too-many-requests", "too-many-streams": .tooManyRequests
        case "internal-error": .internalServerError
        case "ledger-unavailable": .serviceUnavailable
        default: .conflict
        }
    }

    /// What comes with a problem of that status.
    static func headers(of status: HTTPResponse.Status) -> [Answer.Header] {
        switch status {
        case .unauthorized: [.init(name: "WWW-Authenticate", note: "Bearer.")]
        case .tooManyRequests, .serviceUnavailable:
            [.init(name: "Retry-After", note: "Seconds to wait before the next attempt.")]
        default: []
        }
    }

    var document: JSON {
        var members: [JSON.Member] = [
            .init(name: "type", value: .text("urn:tollgate:reason:\(reason)")),
            .init(name: "title", value: .text(status.reasonPhrase)),
            .init(name: "status", value: .integer(Int64(status.code))),
            .init(name: "reason", value: .text(reason)),
            .init(name: "detail", value: .text(detail)),
        ]
        if let line { members.append(.init(name: "line", value: .integer(Int64(line)))) }
        return .object(members)
    }
}
