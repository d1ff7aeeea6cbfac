internal import CNATS

/// What libnats answered instead of `NATS_OK`.
struct NATSFailure: Error, Hashable, Sendable {
    /// The part of libnats' states that decisions hang on.
    enum Kind: Hashable, Sendable {
        case timeout
        case noResponders

        /// The connection, or the subscription, is over.
        case ended
        case other
    }

    let kind: Kind

    /// A sentence without a full stop.
    let text: String

    /// Throws unless `status` is `NATS_OK`.
    static func check(_ status: natsStatus) throws(NATSFailure) {
        if status != NATS_OK { throw NATSFailure(status) }
    }

    /// What the calling thread's last call failed with.
    init(_ status: natsStatus) {
        kind =
            switch status {
            case NATS_TIMEOUT: .timeout
            case NATS_NO_RESPONDERS: .noResponders
            case NATS_CONNECTION_CLOSED, NATS_INVALID_SUBSCRIPTION: .ended
            default: .other
            }
        text = Self.text(of: status)
    }

    private static func text(of status: natsStatus) -> String {
        switch status {
        case NATS_TIMEOUT: "no answer in time"
        case NATS_NO_RESPONDERS: "no server answers there: no leader, or no permission"
        case NATS_CONNECTION_CLOSED, NATS_INVALID_SUBSCRIPTION: "the connection is closed"
        case NATS_CONNECTION_DISCONNECTED, NATS_INSUFFICIENT_BUFFER: "the connection is lost"
        case NATS_NO_SERVER: "none of the servers can be connected to"
        // Safe: libnats has a text, which stays, for every status.
        default: unsafe String(cString: natsStatus_GetText(status))
        }
    }

    /// What libnats says about the calling thread's last failure, without the place in its sources.
    static var lastDetail: String {
        // Safe: the text belongs to this thread until its next call of libnats; it is copied here.
        let text = unsafe nats_GetLastError(nil).map { unsafe String(cString: $0) } ?? ""
        guard text.hasPrefix("("), let end = text.firstRange(of: "): ") else { return text }
        return String(text[end.upperBound...])
    }

    /// Of a connection that was not made: whether a server was there and refused, and why.
    static func ofConnecting(_ status: natsStatus) -> JetStreamError {
        let detail = lastDetail
        let suffix = detail.isEmpty || status == NATS_NO_SERVER ? "" : " (\(detail))"
        return switch status {
        case NATS_CONNECTION_AUTH_FAILED, NATS_NOT_PERMITTED:
            .notLetIn("user, password, token or credentials are wrong\(suffix)")
        case NATS_SSL_ERROR:
            .notLetIn("TLS failed: compare authority, server's name and certificates\(suffix)")
        case NATS_SECURE_CONNECTION_REQUIRED:
            .notLetIn("the server wants TLS, and the settings have none")
        case NATS_SECURE_CONNECTION_WANTED:
            .notLetIn("the settings ask for TLS, and the server has none")
        default: .unreachable(text(of: status) + suffix)
        }
    }
}
