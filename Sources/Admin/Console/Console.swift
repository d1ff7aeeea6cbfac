import Cryptography
import Gateway
import HTTPTypes
import Hummingbird
import Linux
import NIOCore

/// Pages for people, at `/console`: see `ConsoleRequest` for where what they show comes from.
struct Console: Sendable {
    let server: ServerContext
    let sessions: ConsoleSessions
    let problems: ProblemMiddleware

    /// Whether this port speaks TLS, so that cookies can be bound to it.
    var isSecure: Bool {
        server.configuration.admin.tls.certificate != nil || AdminChannel.Visit.current != nil
    }

    /// What a browser may load, send and frame.
    static let policy = [
        "default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self' data:",
        "connect-src 'self'", "form-action 'self'", "frame-ancestors 'none'", "base-uri 'none'",
    ].joined(separator: "; ")

    private static let routes = Dictionary(
        uniqueKeysWithValues: Routes.all.map { ($0.operation.id, $0) })

    /// Traps when there is no operation of that id: they are written here.
    static func route(_ operation: String) -> Route {
        guard let route = routes[operation] else {
            preconditionFailure("no operation is called \(operation)")
        }
        return route
    }

    /// What a request names.
    static func routeIfAny(_ operation: String?) -> Route? { operation.flatMap { routes[$0] } }

    func register(in router: Router<AdminContext>) {
        for path in ["/console", "/console/**"] {
            for method in [HTTPRequest.Method.get, .post] {
                router.on(RouterPath(path), method: method) { request, context in
                    let since = MonotonicInstant.now()
                    let response = await respond(to: request, context)
                    server.timings.note("console", since: since, status: response.status.code)
                    return response
                }
            }
        }
    }

    func respond(to request: Request, _ context: AdminContext) async -> Response {
        let language = Language(of: request)
        var response: Response
        do {
            response = try await answer(request, context, language)
        } catch {
            let problem = problems.problem(of: error, request, context)
            response = page(of: problem, language)
        }
        for (name, value) in [
            ("Content-Security-Policy", Self.policy),
            // A form that is sent says where from: `Origin` is null with no-referrer.
            ("Referrer-Policy", "same-origin"), ("X-Frame-Options", "DENY"),
            ("Cross-Origin-Opener-Policy", "same-origin"),
            ("Cross-Origin-Resource-Policy", "same-origin"),
        ] {
            if let name = HTTPField.Name(name) { response.headers[name] = value }
        }
        return response
    }

    private func answer(
        _ request: Request, _ context: AdminContext, _ language: Language
    ) async throws -> Response {
        let parts = request.uri.path.split(separator: "/").dropFirst()
        let segments = parts.compactMap { String(percentEncoded: $0) }
        guard segments.count == parts.count else { throw Problem.notFound("no such page") }
        let query = ConsoleForm.decoded(request.uri.query ?? "")
        switch segments.first {
        case "assets":
            _ = try server.principal(of: request, context, for: .open)
            return try ConsoleAssets.answer(segments.last ?? "", request)
        case "language":
            _ = try server.principal(of: request, context, for: .open)
            let back = query.first { $0.name == "back" }?.value
            return redirect(
                to: ConsoleLink.local(back, withSignIn: true),
                setting: Language(rawValue: segments.last ?? "").map {
                    cookie(Self.languageCookie, $0.rawValue, seconds: 31_536_000)
                })
        case "sign-in": return try await signIn(request, context, language, query)
        default: break
        }
        guard let id = request.cookie(cookieName), let session = sessions.use(id) else {
            return redirectToSignIn(request)
        }
        let principal: Principal
        do {
            principal = try server.principal(
                of: request.presenting(session.token), context, for: .everyone)
        } catch let problem as Problem where problem.status == .unauthorized {
            sessions.end(id)
            return redirectToSignIn(request)
        }
        let person = ConsoleRequest(
            console: self, request: request, context: context, sessionID: id, session: session,
            principal: principal, language: language, segments: segments, query: query)
        return request.method == .post ? try await person.post() : try await person.view()
    }
}

/// Signing in and out.
extension Console {
    static let languageCookie = "tollgate-language"

    var cookieName: String { isSecure ? "__Host-tollgate-session" : "tollgate-session" }
    private var formCookieName: String { isSecure ? "__Host-tollgate-form" : "tollgate-form" }

    func cookie(_ name: String, _ value: String, seconds: Int? = nil) -> String {
        "\(name)=\(value); Path=/; HttpOnly; SameSite=Strict" + (isSecure ? "; Secure" : "")
            + (seconds.map { "; Max-Age=\($0)" } ?? "")
    }

    private func signIn(
        _ request: Request, _ context: AdminContext, _ language: Language,
        _ query: ConsoleRequest.Fields
    ) async throws -> Response {
        _ = try server.principal(of: request, context, for: .open)
        let next = query.first { $0.name == "next" }?.value
        guard request.method == .post else {
            return signInPage(language, next: next, problem: nil)
        }
        try require(sameOrigin: request)
        let form = try await ConsoleForm(request, upTo: 8_192, server.bodies.share())
        // Another site can't make who is here sign in as someone else: it knows no such pair.
        guard let pair = request.cookie(formCookieName),
            Self.isSame(pair, form["_token"] ?? ""), pair.utf8.count == 64
        else {
            return signInPage(
                language, next: form["next"], problem: .invalid(Word.formIsOld.text(in: language)))
        }
        let token = (form["token"] ?? "").filter { !$0.isWhitespace }
        do {
            let presenting = request.presenting(token)
            _ = try server.principal(of: presenting, context, for: .everyone)
        } catch let problem as Problem {
            return signInPage(language, next: form["next"], problem: problem)
        }
        // An id that was there before is not taken over.
        if let former = request.cookie(cookieName) { sessions.end(former) }
        let id = sessions.begin(token: token)
        var response = redirect(
            to: ConsoleLink.local(form["next"]), setting: cookie(cookieName, id))
        response.headers.append(
            HTTPField(name: .setCookie, value: cookie(formCookieName, "", seconds: 0)))
        return response
    }

    private func signInPage(_ language: Language, next: String?, problem: Problem?) -> Response {
        let token = SecretWord.made()
        let body = ConsoleFrame.signIn(language, next: next, token: token, problem: problem)
        var response = Response(
            problem?.status ?? .ok, "text/html; charset=utf-8", body.bytes)
        response.headers[.setCookie] = cookie(formCookieName, token)
        if let seconds = problem?.retryAfterSeconds { response.headers[.retryAfter] = "\(seconds)" }
        return response
    }

    private func page(of problem: Problem, _ language: Language) -> Response {
        var response = Response(
            problem.status, "text/html; charset=utf-8",
            ConsoleFrame.problem(language, problem).bytes)
        if let seconds = problem.retryAfterSeconds { response.headers[.retryAfter] = "\(seconds)" }
        return response
    }

    func redirectToSignIn(_ request: Request) -> Response {
        let isPage = request.method == .get
        let path = request.uri.path + (request.uri.query.map { "?\($0)" } ?? "")
        let link = ConsoleLink(["sign-in"], isPage ? [("next", ConsoleLink.local(path))] : [])
        return redirect(to: link.text, setting: cookie(cookieName, "", seconds: 0))
    }

    /// Asks for that page next (RFC 9110, 15.4.4).
    func redirect(to place: String, setting cookie: String? = nil) -> Response {
        var response = Response(status: .seeOther)
        response.headers[.location] = place
        response.headers[.cacheControl] = "no-store"
        response.headers[.setCookie] = cookie
        return response
    }

    /// Browsers say where a form was sent from; what says nothing is not one of ours.
    func require(sameOrigin request: Request) throws(Problem) {
        let host = request.head.authority ?? ""
        let origin = request.headers[HTTPField.Name("Origin")!] ?? ""
        let isSame = origin == "https://\(host)" || !isSecure && origin == "http://\(host)"
        guard isSame, !host.isEmpty else {
            throw .forbidden("the form was not sent from a page of this console")
        }
    }

    static func isSame(_ left: String, _ right: String) -> Bool {
        constantTimeEqual(Array(left.utf8).span, Array(right.utf8).span)
    }
}

extension Request {
    /// The first cookie of that name (RFC 6265, 4.2); `nil` when there is none, or it is empty.
    func cookie(_ name: String) -> String? {
        for header in headers[values: .cookie] {
            for pair in header.split(separator: ";") {
                let pair = pair.drop { $0 == " " }
                guard pair.hasPrefix("\(name)=") else { continue }
                let value = String(pair.dropFirst(name.utf8.count + 1))
                return value.isEmpty ? nil : value
            }
        }
        return nil
    }

    /// The same request with that token.
    fileprivate func presenting(_ token: String) -> Request {
        var head = head
        head.headerFields[.authorization] = "Bearer \(token)"
        return Request(head: head, body: body)
    }
}
