/// What `TLSSession.receive` leaves behind.
public enum TLSSessionState: Sendable, Equatable {
    /// The handshake wants more bytes from the peer, after what is in `output` has been sent.
    case handshaking

    /// The session is established, and the peer may send more.
    case open

    /// The peer has said that it sends nothing more (alert `close_notify`).
    case closed
}
