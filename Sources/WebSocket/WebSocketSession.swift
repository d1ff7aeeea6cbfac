public import Bytes

/// A WebSocket that a client opens with us (RFC 6455) to speak MQTT in (MQTT 5.0 and 3.1.1, 6):
/// the connection's bytes in, MQTT's bytes out, and the reverse; no descriptor.
///
/// A word to whoever holds it: its state is elsewhere, so that a connection without a WebSocket does
/// not pay for it.
@safe
public struct WebSocketSession: ~Copyable, Sendable {
    // Safe: allocated in `init`, owned by this value alone, so that it goes with it from thread to
    // thread, and freed in `deinit`.
    private nonisolated(unsafe) let endpoint: UnsafeMutablePointer<Endpoint>

    public init() {
        unsafe endpoint = .allocate(capacity: 1)
        unsafe endpoint.initialize(to: Endpoint())
    }

    deinit {
        // Safe: initialised in `init`, and not used afterwards.
        unsafe endpoint.deinitialize(count: 1)
        unsafe endpoint.deallocate()
    }

    public var state: WebSocketState { unsafe endpoint.pointee.state }

    /// Takes all that has come from the client, the bytes of `bytes` from `offset` on, and leaves in
    /// their place what binary frames carry, unmasked. Answers of the protocol (the handshake's, a Pong)
    /// are appended to `output`.
    ///
    /// What was carried before a Close frame or a violation is there; what comes afterwards is not
    /// looked at.
    ///
    /// - Parameter frameLimit: the longest payload that one frame may announce, in bytes.
    public mutating func receive(
        _ bytes: inout ByteBuffer,
        from offset: Int,
        policy: HandshakePolicy,
        frameLimit: Int,
        output: inout ByteBuffer
    ) -> WebSocketState {
        unsafe endpoint.pointee.receive(
            &bytes, from: offset, policy: policy, frameLimit: frameLimit, output: &output)
        return state
    }

    /// Makes one binary frame ([MQTT-6.0.0-1]) of what was appended to `output` since the last
    /// call: now all of it may be sent.
    public mutating func wrap(_ output: inout ByteBuffer) {
        unsafe endpoint.pointee.wrap(&output)
    }

    /// Takes note, after `wrap`, that all but `waiting` bytes of the output have been sent.
    public mutating func noteSent(waiting: Int) {
        unsafe endpoint.pointee.noteSent(waiting: waiting)
    }

    /// Appends the Close frame that is due: with `code`, or with what the client has sent, or with what
    /// it has done wrong. Nothing if the handshake was not completed, or it has been called before.
    public mutating func close(_ code: CloseCode, output: inout ByteBuffer) {
        unsafe endpoint.pointee.close(code, &output)
    }
}
