import HTTPTypes
import Hummingbird
import Ledger

/// Finds out who asks, and refuses whoever has no valid token, or may not change anything and tries.
struct AuthenticationMiddleware: RouterMiddleware {
    typealias Context = AdminContext

    let tokens: Tokens

    func handle(
        _ request: Request,
        context: AdminContext,
        next: @concurrent (Request, AdminContext) async throws -> Response
    ) async throws -> Response {
        let prefix = "bearer "
        guard let header = request.headers[.authorization],
            header.lowercased().hasPrefix(prefix),
            let principal = try tokens.principal(of: String(header.dropFirst(prefix.count)))
        else { throw Problem.unauthorized }
        if request.method != .get, request.method != .head, !principal.mayWrite {
            throw Problem.forbidden("a key of role \(principal.role.name) can only read")
        }
        var context = context
        context.principal = principal
        return try await next(request, context)
    }
}
