import HTTPTypes
import Hummingbird
import NIOCore

/// Why a request that the program itself has made was not carried out.
public struct RefusedRequest: Error, Sendable, CustomStringConvertible {
    /// For people: what was asked for, and what is wrong with it.
    public let description: String
}

extension AdminServer {
    /// Carries out an operation of the API in process, for the gateway's owner: as a request for `/v1` does, without a
    /// connection, a token, and the rate that tokens have.
    ///
    /// - Parameters:
    ///   - path: below `/v1/`, percent-encoded, without a query.
    ///   - body: posted as JSON; `nil`: the path is read.
    ///   - idempotencyKey: the same request with the same key is carried out once.
    /// - Returns: the document that is answered.
    public func carryOut(
        _ path: String, _ body: JSON?, idempotencyKey: String
    ) async throws(RefusedRequest) -> JSON {
        let method: HTTPRequest.Method = body == nil ? .get : .post
        let full = "/v1/\(path)"
        guard let route = Routes.all.first(where: { $0.method == method && $0.matches(full) })
        else { throw RefusedRequest(description: "\(path): there is no such operation") }
        var head = HTTPRequest(method: method, scheme: nil, authority: nil, path: full)
        if route.takesIdempotencyKey { head.headerFields[Call.idempotencyKey] = idempotencyKey }
        if body != nil { head.headerFields[.contentType] = "application/json" }
        let content = RequestBody(buffer: ByteBuffer(bytes: body?.bytes ?? []))
        do {
            let response = try await route.respond(
                to: Request(head: head, body: content), as: .owner, nil, server
            ) { route.parameter($0, of: full) }
            return JSON(parsing: try await response.bytes()) ?? .null
        } catch let problem as Problem {
            throw RefusedRequest(description: "\(path): \(problem.detail)")
        } catch {
            throw RefusedRequest(description: "\(path): \(error)")
        }
    }
}

extension Route {
    /// The part of a path of this route that has that name.
    fileprivate func parameter(_ name: String, of path: String) -> String? {
        zip(self.path.split(separator: "/"), path.split(separator: "/"))
            .first { $0.0 == ":\(name)" }.map { String($0.1) }
    }
}
