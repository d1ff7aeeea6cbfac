import Gateway
import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import Storage

/// Answers every error with a problem document, and asks for a new connection after a body that was
/// too large to be read.
struct ProblemMiddleware: RouterMiddleware {
    typealias Context = AdminContext

    let routes: [Route]
    let desk: Desk

    func handle(
        _ request: Request,
        context: AdminContext,
        next: @concurrent (Request, AdminContext) async throws -> Response
    ) async throws -> Response {
        do {
            return try await next(request, context)
        } catch {
            return Response.problem(problem(of: error, request, context))
        }
    }

    private func problem(
        of error: any Error,
        _ request: Request,
        _ context: AdminContext
    ) -> Problem {
        switch error {
        case let problem as Problem: return problem
        case let error as StoreError:
            context.logger.error("the store failed", metadata: ["error": "\(error)"])
            return Problem(error)
        case is NIOTooManyBytesError:
            return Problem(.requestTooLarge, "the request's body is too large")
        case let error as HTTPError where error.status == .notFound:
            return absence(request, context)
        default:
            context.logger.error("a request failed", metadata: ["error": "\(error)"])
            return Problem(.internalError, "the request failed")
        }
    }

    /// The router has nothing at that path, or nothing for that method.
    private func absence(_ request: Request, _ context: AdminContext) -> Problem {
        do {
            try desk.count(request, from: context.address)
        } catch {
            return problem(of: error, request, context)
        }
        let methods = routes.filter { $0.matches(request.uri.path) }.map(\.method.rawValue)
        guard !methods.isEmpty else { return .notFound("there is no \(request.uri.path) here") }
        // The router answers HEAD wherever it answers GET.
        let allowed = (methods.contains("GET") ? ["HEAD"] : []) + methods
        var problem = Problem(
            .methodNotAllowed, "\(request.method.rawValue) is not among what can be done here")
        problem.allow = allowed.sorted().joined(separator: ", ")
        return problem
    }
}
