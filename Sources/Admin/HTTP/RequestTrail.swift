import Gateway
import HTTPTypes
import Hummingbird
import Linux
import Logging
import Synchronization

/// By what a request is found again: its id, who sent it, and where that caller stands.
///
/// The id is the caller's own in `X-Request-Id`, or made; it is in the answer, in a problem's `instance`, and in each line
/// of the log that the request leads to.
final class RequestTrail: Sendable {
    let id: String
    private let state = Mutex<(actor: String?, standing: RateLimiter.Standing?)>((nil, nil))

    init(id: String) { self.id = id }

    /// Of a request whose headers are not looked at.
    convenience init() { self.init(id: Self.made()) }

    /// The header's: 1 to 128 visible ASCII characters; another one is as none.
    convenience init(of request: Request) {
        let given = request.headers[Self.header] ?? ""
        let isFit =
            (1...128).contains(given.utf8.count)
            && given.utf8.allSatisfy { (0x21...0x7E).contains($0) }
        self.init(id: isFit ? given : Self.made())
    }

    static let header = HTTPField.Name("X-Request-Id")!

    private static func made() -> String {
        var numbers = SystemRandomNumberGenerator()
        let digits = String(numbers.next(), radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }

    /// `owner`, or the key's id; `nil`: no one that is known.
    var actor: String? { state.withLock { $0.actor } }

    func note(actor: String) { state.withLock { $0.actor = actor } }

    var standing: RateLimiter.Standing? { state.withLock { $0.standing } }

    func note(_ standing: RateLimiter.Standing) { state.withLock { $0.standing = standing } }
}

/// Gives each request its trail, says in the answer what is known of it, and in the log, if that is wanted.
///
/// Each answer says that it is what its media type says, too: a browser that guessed could take a list in CSV or JSON,
/// with names that are markup, for a page.
struct TrailMiddleware: RouterMiddleware {
    typealias Context = AdminContext

    /// Whether each request is a line of the log (`admin.accessLog`).
    let isLogging: Bool

    private static let contentTypeOptions = HTTPField.Name("X-Content-Type-Options")!

    func handle(
        _ request: Request,
        context: AdminContext,
        next: @concurrent (Request, AdminContext) async throws -> Response
    ) async throws -> Response {
        let since = MonotonicInstant.now()
        let trail = RequestTrail(of: request)
        var context = context
        context.trail = trail
        var response = try await next(request, context)
        response.headers[RequestTrail.header] = trail.id
        response.headers[Self.contentTypeOptions] = "nosniff"
        if let standing = trail.standing { response.headers.note(standing) }
        if isLogging { log(request, context, response, since) }
        return response
    }

    private func log(
        _ request: Request, _ context: AdminContext, _ response: Response, _ since: MonotonicInstant
    ) {
        let microseconds = MonotonicInstant.now().nanoseconds(since: since) / 1_000
        context.logger.info(
            "request",
            metadata: [
                "method": "\(request.method.rawValue)", "path": "\(request.uri.path)",
                "status": "\(response.status.code)", "microseconds": "\(microseconds)",
                "actor": "\(context.trail.actor ?? "-")", "address": "\(context.address ?? "-")",
                "request": "\(context.trail.id)",
            ])
    }
}

extension HTTPFields {
    /// Where the caller stands with the requests that it may make (draft-ietf-httpapi-ratelimit-headers-03).
    fileprivate mutating func note(_ standing: RateLimiter.Standing) {
        for (name, value) in [
            ("RateLimit-Limit", standing.limit), ("RateLimit-Remaining", standing.remaining),
            ("RateLimit-Reset", standing.resetSeconds),
        ] {
            if let name = HTTPField.Name(name) { self[name] = String(value) }
        }
    }
}
