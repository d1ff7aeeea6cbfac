import Linux
import Testing

/// Two connected sockets, and the listener that joined them.
struct Loopback: ~Copyable {
    let listener: Descriptor
    let client: Descriptor
    let server: Descriptor
    let peer: SocketAddress

    init(at address: IPAddress = .loopbackIPv4) throws {
        let listener = try SocketHandle.listen(
            at: SocketAddress(address, port: 0),
            reusePort: false,
            backlog: 16
        )
        let client = try SocketHandle.connect(to: listener.socket.localAddress())
        try waitUntilReady(listener.rawValue, .read)
        try waitUntilReady(client.rawValue, .write)
        guard let accepted = try listener.socket.accept() else { throw Errno.wouldBlock }
        peer = accepted.peer
        server = accepted.takeDescriptor()
        self.listener = listener
        self.client = client
    }

    /// Closes the client's end and the listener; the server's end is left.
    consuming func closeClient() -> Descriptor { server }
}

/// Waits two seconds at most; what the descriptor is ready for.
@discardableResult
func waitUntilReady(_ rawDescriptor: Int32, _ interest: Interest) throws -> Interest {
    let epoll = try Epoll()
    try epoll.add(rawDescriptor, interest: interest, userData: 1)
    var events = EventBuffer(capacity: 1)
    let count = try epoll.wait(into: &events, timeoutMilliseconds: 2_000)
    guard count == 1 else { throw Errno(rawValue: 110) }
    return events[0].readiness
}

/// Reads once, at most `capacity` bytes.
func receive(_ socket: SocketHandle, capacity: Int = 4_096) throws -> (ReceiveResult, [UInt8]) {
    var bytes = [UInt8](repeating: 0, count: capacity)
    // Safe: the array lends its bytes for the call.
    let result = try unsafe bytes.withUnsafeMutableBytes { buffer in
        try unsafe socket.receive(into: buffer)
    }
    guard case .bytes(let count) = result else { return (result, []) }
    return (result, Array(bytes[..<count]))
}
