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

    init(_ status: HTTPResponse.Status, _ reason: String, _ detail: String, line: Int? = nil) {
        self.status = status
        self.reason = reason
        self.detail = detail
        self.line = line
    }

    /// A field or parameter of the request that is missing or wrong.
    static func invalid(_ detail: String) -> Problem {
        Problem(.unprocessableContent, "invalid-request", detail)
    }

    static let unauthorized = Problem(
        .unauthorized,
        "unauthorized",
        "a valid token is needed: Authorization: Bearer TOKEN"
    )

    static func forbidden(_ detail: String) -> Problem {
        Problem(.forbidden, "forbidden", detail)
    }

    static func notFound(_ detail: String) -> Problem { Problem(.notFound, "not-found", detail) }

    /// The store can't answer: nothing was changed, and the request can be sent again.
    init(_ error: StoreError) {
        self.init(.serviceUnavailable, "ledger-unavailable", "\(error)")
    }

    init(_ refusal: Refusal, line: Int? = nil) {
        self.init(Self.status(of: refusal), refusal.name, "\(refusal)", line: line)
    }

    private static func status(of refusal: Refusal) -> HTTPResponse.Status {
        switch refusal {
        case .unknownAccount, .unknownPackage, .unknownProduct, .unknownDevice, .unknownKey:
            .notFound
        case .nameTooLong, .quantityOutOfRange, .importRow, .idempotencyKeyReused,
            .idempotencyKeyInvalid, .parentIsSubAccount:
            .unprocessableContent
        case .importTooLarge: .contentTooLarge
        default: .conflict
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
