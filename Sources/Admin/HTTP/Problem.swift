import Gateway
import HTTPTypes
import Ledger
import Storage

/// Why a request was not carried out: a problem document (RFC 9457). Nothing has changed.
struct Problem: Error, Equatable, Sendable {
    let reason: Reason
    let detail: String

    /// Where in the request: the line of a CSV body.
    var line: Int?

    /// When the request may be sent again, in the header `Retry-After`.
    var retryAfterSeconds: Int?

    /// What the resource can do instead, in the header `Allow`.
    var allow: String?

    /// - Parameter detail: for people; by default, what the reason says of itself.
    init(_ reason: Reason, _ detail: String? = nil, line: Int? = nil) {
        self.reason = reason
        self.detail = detail ?? reason.text
        self.line = line
        if reason.httpStatus == .serviceUnavailable { retryAfterSeconds = 1 }
    }

    init(_ refusal: Refusal) {
        var line: Int?
        if case .importLine(let number, _, _) = refusal { line = Int(number) }
        self.init(Reason(refusal), "\(refusal)", line: line)
    }

    /// The store can't answer: nothing was changed, and the request can be sent again.
    init(_ error: StoreError) { self.init(.ledgerUnavailable, "\(error)") }

    /// A field or parameter of the request that is missing or wrong.
    static func invalid(_ detail: String) -> Problem { Problem(.invalidRequest, detail) }

    static let unauthorized = Problem(
        .unauthorized, "a valid token is needed: Authorization: Bearer TOKEN")

    static func forbidden(_ detail: String) -> Problem { Problem(.forbidden, detail) }

    static func notFound(_ detail: String) -> Problem { Problem(.notFound, detail) }

    static let unknownCursor = Problem(
        .unknownCursor, "the cursor is none that this list gave with these filters")

    var status: HTTPResponse.Status { reason.httpStatus }

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
            .init(name: "type", value: .text("urn:tollgate:reason:\(reason.name)")),
            .init(name: "title", value: .text(status.reasonPhrase)),
            .init(name: "status", value: .integer(Int64(status.code))),
            .init(name: "reason", value: .text(reason.name)),
            .init(name: "detail", value: .text(detail)),
            .init(name: "remedy", value: .text(reason.remedy)),
        ]
        if let line { members.append(.init(name: "line", value: .integer(Int64(line)))) }
        return .object(members)
    }
}

extension Reason: Choice {}

extension Reason {
    var httpStatus: HTTPResponse.Status { HTTPResponse.Status(code: status) }
}
