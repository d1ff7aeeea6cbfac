public import Bytes

/// A WebSocket that a client opens with us (RFC 6455) to speak MQTT in (MQTT 5.0 and 3.1.1, 6):
/// the connection's bytes in, MQTT's bytes out, and the reverse; no descriptor.
///
/// One pointer in size: the state is on the heap, so that a connection without a WebSocket does not
/// pay for it.
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
    public mutating func wrap(_ output: inout ByteBuffer) { unsafe endpoint.pointee.wrap(&output) }

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

/// The server's end of one WebSocket (RFC 6455), with the verbs of `WebSocketSession`: a state machine that
/// touches no socket.
struct Endpoint: ~Copyable {
    private(set) var state = WebSocketState.opening

    /// The start of a handshake whose end has not come: at most 8 KiB.
    private var head = ByteBuffer()

    /// Bytes of `head` in which no end was found.
    private var scanned = 0
    private var decoder = FrameDecoder()

    /// How many bytes at the front of the output are as they go to the client: HTTP, or frames.
    private var framed = 0

    // MARK: In

    mutating func receive(
        _ bytes: inout ByteBuffer,
        from offset: Int,
        policy: HandshakePolicy,
        frameLimit: Int,
        output: inout ByteBuffer
    ) {
        var read = offset
        if state == .opening { read = shakeHands(&bytes, from: offset, policy, &output) }
        guard state == .open else { return bytes.truncate(to: offset) }
        var write = offset
        do throws(FrameViolation) {
            while state == .open,
                let signal = try decoder.next(&bytes, read: &read, write: &write, limit: frameLimit)
            {
                try serve(signal, &output)
            }
        } catch {
            state = .failed(error)
        }
        bytes.truncate(to: write)
    }

    /// Answers the handshake once all of it is there; says where in `bytes` the frames begin.
    private mutating func shakeHands(
        _ bytes: inout ByteBuffer,
        from offset: Int,
        _ policy: HandshakePolicy,
        _ output: inout ByteBuffer
    ) -> Int {
        var begin = offset
        if !head.isEmpty {
            // The part that was kept comes first; there is nothing of MQTT yet.
            head.append(bytes.span.extracting(offset..<bytes.count))
            bytes.truncate(to: offset)
            bytes.append(head.span)
            head.removeAll()
        }
        defer { framed = output.count }
        do throws(HandshakeRefusal) {
            let arrived = bytes.span.extracting(offset..<bytes.count)
            guard let end = try OpeningHandshake.end(in: arrived, from: scanned) else {
                scanned = arrived.count
                head.append(arrived)
                return bytes.count
            }
            try OpeningHandshake.answer(arrived.extracting(0..<end), policy: policy, into: &output)
            begin += end
            state = .open
        } catch {
            error.encode(into: &output)
            state = .refused(error)
        }
        head.removeAll(keepingCapacity: false)
        return begin
    }

    private mutating func serve(
        _ signal: FrameDecoder.Signal,
        _ output: inout ByteBuffer
    ) throws(FrameViolation) {
        switch signal {
        case .ping:
            wrap(&output)
            output.reserve(2 + decoder.control.count)
            let start = output.count
            output.append(UInt16(0))
            FrameHeader.write(.pong, length: decoder.control.count, into: &output, at: start)
            output.append(decoder.control.span)
            framed = output.count
        case .pong: break
        case .close: state = .closedByPeer(try closeCode())
        }
        decoder.forgetControl()
    }

    /// The code of the Close frame that has come, if it has one (RFC 6455, 5.5.1 and 7.4).
    private func closeCode() throws(FrameViolation) -> CloseCode? {
        let payload = decoder.control.span
        guard payload.count > 0 else { return nil }
        guard payload.count >= 2 else { throw .closeCode }
        let code = CloseCode(rawValue: UInt16(payload[0]) << 8 | UInt16(payload[1]))
        guard code.isSendable else { throw .closeCode }
        guard payload.extracting(2..<payload.count).text != nil else { throw .closeReason }
        return code
    }

    // MARK: Out

    mutating func wrap(_ output: inout ByteBuffer) {
        let length = output.count - framed
        guard length > 0 else { return }
        output.insertGap(of: FrameHeader.serverSize(length: length), at: framed)
        FrameHeader.write(.binary, length: length, into: &output, at: framed)
        framed = output.count
    }

    mutating func noteSent(waiting: Int) { framed = waiting }

    mutating func close(_ code: CloseCode, _ output: inout ByteBuffer) {
        let answer: CloseCode?
        switch state {
        case .opening, .refused, .ended: return
        case .open: answer = code
        case .closedByPeer(let code): answer = code
        case .failed(let violation): answer = violation.closeCode
        }
        wrap(&output)
        let start = output.count
        output.append(UInt16(0))
        FrameHeader.write(.close, length: answer == nil ? 0 : 2, into: &output, at: start)
        if let answer { output.append(answer.rawValue) }
        framed = output.count
        state = .ended
    }
}
