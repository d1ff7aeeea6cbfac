/// A request, and who waits for its reply.
struct PendingRequest<Request: Sendable, Reply: Sendable>: Sendable {
    let request: Request
    let completion: @Sendable (Result<Reply, StoreError>) -> Void
}
