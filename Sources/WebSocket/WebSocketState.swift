/// Where a WebSocket is.
public enum WebSocketState: Equatable, Sendable {
    /// The client's handshake has not come, or not all of it.
    case opening
    case open

    /// The handshake was refused; the answer is in the output, after which the connection ends.
    case refused(HandshakeRefusal)

    /// The client has sent a Close frame; its code is sent back. `nil`: it gave none.
    case closedByPeer(CloseCode?)

    /// The client has broken a rule of the framing.
    case failed(FrameViolation)

    /// Our Close frame is in the output; nothing may follow it.
    case ended
}
