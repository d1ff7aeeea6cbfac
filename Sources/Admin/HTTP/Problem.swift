import Gateway
import HTTPTypes
import Hummingbird
import Ledger
import Logging
import NIOCore
import Storage

/// Why a request was not carried out: a problem document (RFC 9457). Nothing has changed.
struct Problem: Error, Equatable, Sendable {
    let reason: Reason
    let detail: String

    /// Where in the request: the line of a CSV body.
    let line: Int?

    /// All that is wrong with the request's body, as far as it was looked at: the first ones.
    private(set) var errors: [Fault] = []

    /// When the request may be sent again, in the header `Retry-After`.
    let retryAfterSeconds: Int?

    /// What the resource can do instead, in the header `Allow`.
    let allow: String?

    /// How much there is of what a range was asked of, in the header `Content-Range`.
    let contentRange: String?

    /// - Parameter detail: for people; by default, what the reason says of itself.
    init(
        _ reason: Reason,
        _ detail: String? = nil,
        line: Int? = nil,
        retryAfterSeconds: Int? = nil,
        allow: String? = nil,
        contentRange: String? = nil
    ) {
        self.reason = reason
        self.detail = detail ?? reason.text
        self.line = line
        self.allow = allow
        self.contentRange = contentRange
        self.retryAfterSeconds =
            if let retryAfterSeconds {
                retryAfterSeconds
            } else if reason.httpStatus == .serviceUnavailable {
                1
            } else if reason == .stateRateExceeded {
                Int(StatePace.intervalMilliseconds / 1_000)
            } else {
                nil
            }
    }

    init(_ fault: Fault) {
        self.init(fault.reason, fault.text, line: fault.line)
        errors = [fault]
    }

    /// The faults of a body: what the first one says is the problem's own detail.
    init?(_ faults: [Fault]) {
        guard let first = faults.first else { return nil }
        self.init(first)
        errors = Array(faults.prefix(Fault.maximumCount))
    }

    init(_ refusal: Refusal) {
        var line: Int?
        if case .imports(.line(let number, _, _)) = refusal { line = Int(number) }
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

    /// The same as the answer to a request.
    func document(of trail: RequestTrail) -> JSON {
        document.adding("instance", .text("urn:tollgate:request:\(trail.id)"))
    }

    var document: JSON {
        var document: JSON = [
            "type": .text("urn:tollgate:reason:\(reason.name)"),
            "title": .text(status.reasonPhrase), "status": JSON(status.code),
            "reason": .text(reason.name), "detail": .text(detail), "remedy": .text(reason.remedy),
        ]
        if let line { document.add("line", JSON(line)) }
        if !errors.isEmpty { document.add("errors", .array(errors.map(\.document))) }
        return document
    }
}

/// One thing that is wrong with a request's body.
struct Fault: Equatable, Sendable {
    let reason: Reason

    /// Where in a JSON body (RFC 6901).
    var pointer: String?

    /// Where in a CSV, counted from 1.
    var line: Int?

    /// `must be ...`, for people.
    let detail: String

    /// The same with its place: `devices[1].dk: must be ...`.
    let text: String

    /// Of one answer.
    static let maximumCount = 100

    fileprivate var document: JSON {
        var document: JSON = ["detail": .text(detail)]
        if let pointer { document.add("pointer", .text(pointer)) }
        if let line { document.add("line", JSON(line)) }
        return document
    }
}

extension Request {
    /// Whether an answer of that media type is wanted: `Accept` names it or a range that it is in, or is
    /// not there (RFC 9110, 12.5.1). Weights are not looked at, but for 0.
    func accepts(_ type: String) -> Bool {
        guard let accept = headers[.accept] else { return true }
        let family = type.prefix { $0 != "/" } + "/*"
        return accept.split(separator: ",").contains { range in
            let parts = range.split(separator: ";").map { $0.filter { $0 != " " && $0 != "\t" } }
            guard let name = parts.first?.lowercased(), !parts.dropFirst().contains("q=0") else {
                return false
            }
            return name == type || name == family || name == "*/*"
        }
    }
}

extension Reason {
    var httpStatus: HTTPResponse.Status { HTTPResponse.Status(problem: status) }
}

extension HTTPResponse.Status {
    /// The status of a problem, with its reason phrase (RFC 9110, 15; RFC 4918 for 507), which
    /// `init(code:)` leaves empty.
    init(problem code: Int) {
        self = Self.ofProblems.first { $0.code == code } ?? HTTPResponse.Status(code: code)
    }

    private static let ofProblems: [HTTPResponse.Status] = [
        .badRequest, .unauthorized, .forbidden, .notFound, .methodNotAllowed, .notAcceptable,
        .requestTimeout, .conflict, .contentTooLarge, .rangeNotSatisfiable, .unsupportedMediaType,
        .unprocessableContent,
        .tooManyRequests, .internalServerError, .serviceUnavailable,
        HTTPResponse.Status(code: 507, reasonPhrase: "Insufficient Storage"),
    ]
}

/// Answers every error with a problem document, and asks for a new connection after a body that was
/// too large to be read.
struct ProblemMiddleware: RouterMiddleware {
    typealias Context = AdminContext

    let routes: [Route]
    let server: ServerContext

    func handle(
        _ request: Request,
        context: AdminContext,
        next: @concurrent (Request, AdminContext) async throws -> Response
    ) async throws -> Response {
        do {
            return try await next(request, context)
        } catch {
            return response(to: error, request, context)
        }
    }

    func response(to error: any Error, _ request: Request, _ context: AdminContext) -> Response {
        Response.problem(problem(of: error, request, context), of: context.trail)
    }

    func problem(
        of error: any Error,
        _ request: Request,
        _ context: AdminContext
    ) -> Problem {
        switch error {
        case let problem as Problem: return problem
        case let error as StoreError:
            context.logger.error(
                "the store failed",
                metadata: ["error": "\(error)", "request": "\(context.trail.id)"])
            return Problem(error)
        case is NIOTooManyBytesError:
            return Problem(.requestTooLarge, "the request's body is too large")
        case let error as HTTPError where error.status == .notFound:
            return absence(request, context)
        default:
            context.logger.error(
                "a request failed",
                metadata: ["error": "\(error)", "request": "\(context.trail.id)"])
            return Problem(.internalError, "the request failed")
        }
    }

    /// The router has nothing at that path, or nothing for that method.
    private func absence(_ request: Request, _ context: AdminContext) -> Problem {
        do {
            try server.count(request, context)
        } catch {
            return problem(of: error, request, context)
        }
        let methods = routes.filter { $0.matches(request.uri.path) }.map(\.method.rawValue)
        guard !methods.isEmpty else { return .notFound("there is no \(request.uri.path) here") }
        // The router answers HEAD wherever it answers GET.
        let allowed = (methods.contains("GET") ? ["HEAD"] : []) + methods
        return Problem(
            .methodNotAllowed, "\(request.method.rawValue) is not among what can be done here",
            allow: allowed.sorted().joined(separator: ", "))
    }
}

extension Response {
    static func json(_ json: JSON, status: HTTPResponse.Status = .ok) -> Response {
        Response(status, "application/json", json.bytes)
    }

    static func problem(_ problem: Problem, of trail: RequestTrail) -> Response {
        var response = Response(
            problem.status, "application/problem+json", problem.document(of: trail).bytes)
        if problem.status == .unauthorized {
            response.headers[.wwwAuthenticate] = "Bearer realm=\"tollgate\""
        }
        if let allow = problem.allow { response.headers[.allow] = allow }
        if let range = problem.contentRange { response.headers[.contentRange] = range }
        if let seconds = problem.retryAfterSeconds {
            response.headers[.retryAfter] = String(seconds)
        }
        return response
    }

    /// A text that is sent as it is read.
    init(_ status: HTTPResponse.Status, _ type: String, _ text: SpooledText) {
        self.init(
            status: status,
            headers: [.contentType: type, .cacheControl: "no-store"],
            body: ResponseBody(contentLength: text.count) { writer in
                var pieces = text.pieces()
                while let piece = try pieces.next() {
                    try await writer.write(ByteBuffer(bytes: piece))
                }
                try await writer.finish(nil)
            }
        )
    }

    init(_ status: HTTPResponse.Status, _ type: String, _ bytes: [UInt8]) {
        self.init(
            status: status,
            headers: [.contentType: type, .cacheControl: "no-store"],
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: bytes))
        )
    }
}
