internal import COpenSSL

/// What a connecting side keeps of a session to take it up again: the ticket and its secret.
@safe
public final class TLSResumption: Sendable {
    // Safe: an SSL_SESSION is counted by reference and not changed once it is made.
    nonisolated(unsafe) let session: OpaquePointer

    /// Adopts one reference.
    init(adopting session: OpaquePointer) {
        unsafe self.session = unsafe session
    }

    deinit {
        unsafe SSL_SESSION_free(session)
    }
}
