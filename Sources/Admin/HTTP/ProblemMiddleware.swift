import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import Storage

/// Answers every error with a problem document, and asks for a new connection after a body that was
/// too large to be read.
struct ProblemMiddleware: RouterMiddleware {
    typealias Context = AdminContext

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
            return Problem(.contentTooLarge, "request-too-large", "the request's body is too large")
        case let error as HTTPError where error.status == .notFound:
            return .notFound("there is no \(request.uri.path) here")
        case let error as any HTTPResponseError:
            return Problem(error.status, "invalid-request", error.status.reasonPhrase)
        default:
            context.logger.error("a request failed", metadata: ["error": "\(error)"])
            return Problem(.internalServerError, "internal-error", "the request failed")
        }
    }
}
