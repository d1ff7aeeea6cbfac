import Bytes

@testable import WebSocket

/// The server's end, fed with arrays; collects what comes out of it.
struct Peer: ~Copyable {
    var session = WebSocketSession()
    var output = ByteBuffer()
    var policy = HandshakePolicy()
    var frameLimit = 262_144
    private(set) var payload: [UInt8] = []

    init(isOpen: Bool = true) {
        guard isOpen else { return }
        receive(Request().bytes)
        precondition(session.state == .open, "the sample handshake is refused")
        sent()
    }

    /// All of the output goes to the client.
    mutating func sent() {
        output.removeAll()
        session.noteSent(waiting: 0)
    }

    /// Answers what came out; `carried` bytes lie in front, as the start of a packet would.
    @discardableResult
    mutating func receive(_ bytes: [UInt8], carried: [UInt8] = []) -> [UInt8] {
        var buffer = ByteBuffer()
        buffer.append(carried.span)
        buffer.append(bytes.span)
        _ = session.receive(
            &buffer, from: carried.count, policy: policy, frameLimit: frameLimit, output: &output)
        let all = buffer.span.bytesArray
        precondition(Array(all.prefix(carried.count)) == carried, "what was carried has changed")
        let fresh = Array(all.dropFirst(carried.count))
        payload += fresh
        return fresh
    }

    /// What is to go to the client.
    var answer: [UInt8] { output.span.bytesArray }

    var text: String { output.span.text ?? "" }
}
