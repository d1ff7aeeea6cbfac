import Bytes
import WebSocket

// The WebSocket's verbs, with the connection's own output.
extension Connection {
    /// `nil` without a WebSocket.
    var webSocketState: WebSocketState? {
        switch webSocket {
        case .some(let session): session.state
        case .none: nil
        }
    }

    /// Leaves in place of the bytes from `offset` on what their frames carry; answers of the protocol
    /// go to the output.
    mutating func unwrap(
        _ bytes: inout ByteBuffer,
        from offset: Int,
        policy: HandshakePolicy,
        frameLimit: Int
    ) {
        _ = webSocket?.receive(
            &bytes,
            from: offset,
            policy: policy,
            frameLimit: frameLimit,
            output: &output
        )
    }

    /// Makes a frame of the packets in the output that are in none.
    mutating func wrapOutput() { webSocket?.wrap(&output) }

    /// What is left in the output now is framed already.
    mutating func noteOutputSent() { webSocket?.noteSent(waiting: output.count) }

    /// Writes the Close frame.
    mutating func endOutput(_ code: CloseCode) { webSocket?.close(code, output: &output) }
}
