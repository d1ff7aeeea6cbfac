import CLinux

/// The verbs of a TCP socket, on a borrowed descriptor, whose owner keeps it open meanwhile.
@frozen
public struct SocketHandle: Sendable {
    public let rawValue: Int32

    @inlinable
    public init(rawValue: Int32) { self.rawValue = rawValue }

    /// Reads what is there, at most `buffer.count` bytes (`recv(2)`); `buffer` must not be empty.
    ///
    /// A reset or a timeout of the connection is an error.
    @unsafe
    public func receive(into buffer: UnsafeMutableRawBufferPointer) throws(Errno) -> ReceiveResult {
        try unsafe read(into: buffer, clinux_receive)
    }

    /// The same, and leaves what it reads in the socket (`MSG_PEEK`).
    @unsafe
    public func peek(into buffer: UnsafeMutableRawBufferPointer) throws(Errno) -> ReceiveResult {
        try unsafe read(into: buffer, clinux_peek)
    }

    @unsafe
    @inline(always)
    private func read(
        into buffer: UnsafeMutableRawBufferPointer,
        _ call: (Int32, UnsafeMutableRawPointer?, Int) -> Int
    ) throws(Errno) -> ReceiveResult {
        precondition(unsafe !buffer.isEmpty, "reading into nothing looks like the end")
        // Safe: the caller lends `buffer` for the call.
        let count = try retryingUnlessBlocked {
            unsafe call(rawValue, buffer.baseAddress, buffer.count)
        }
        guard let count else { return .wouldBlock }
        return count == 0 ? .closed : .bytes(count)
    }

    /// Takes so many bytes that are there, and drops them.
    public func skip(_ count: Int) throws(Errno) {
        var left = count
        while left > 0 {
            let skipped = try retrying { clinux_skip(rawValue, left) }
            guard skipped > 0 else { return }
            left -= skipped
        }
    }

    /// Writes from the front of `bytes` what the socket takes (`send(2)`, `MSG_NOSIGNAL`); nothing
    /// for an empty span.
    ///
    /// A peer that is gone is an error: `brokenPipe` or `connectionReset`.
    public func send(_ bytes: Span<UInt8>) throws(Errno) -> SendResult {
        if bytes.isEmpty { return .sent(0) }
        // Safe: the span lends its bytes for the call.
        let count = try unsafe bytes.withUnsafeBufferPointer { buffer throws(Errno) in
            try retryingUnlessBlocked {
                unsafe clinux_send(rawValue, buffer.baseAddress, buffer.count)
            }
        }
        return count.map { .sent($0) } ?? .wouldBlock
    }

    /// Takes the next connection from a listening socket (`accept4(2)`); `nil` when none waits.
    ///
    /// Connections that died while they waited are skipped. Running out of descriptors is an error
    /// (`tooManyOpenFiles`, `tooManyOpenFilesInSystem`) and leaves the connection waiting.
    public func accept() throws(Errno) -> AcceptedSocket? {
        var peer = clinux_address()
        while true {
            do {
                // Safe: accept4(2) fills our address during the call.
                let number = try retryingUnlessBlocked { unsafe clinux_accept(rawValue, &peer) }
                guard let number else { return nil }
                return AcceptedSocket(
                    descriptor: Descriptor(adopting: Int32(number)), peer: SocketAddress(peer))
            } catch  where Self.isPending(error) {
                continue
            }
        }
    }

    /// Errors that a connection met while it waited: accept(2) reports them in place of the
    /// connection, and asks to try again. (`EOPNOTSUPP`, which it lists too, is left out: for a
    /// socket that does not listen it would never end.)
    private static func isPending(_ error: Errno) -> Bool {
        switch error.rawValue {
        case ECONNABORTED, EPROTO, ENETDOWN, EHOSTDOWN, EHOSTUNREACH, ENETUNREACH, ENONET,
            ENOPROTOOPT:
            true
        default: false
        }
    }

    /// Our end. Fails with `badDescriptor` and the like only.
    public func localAddress() throws(Errno) -> SocketAddress {
        var address = clinux_address()
        // Safe: getsockname(2) fills our address during the call.
        _ = try retrying { unsafe clinux_local_address(rawValue, &address) }
        return SocketAddress(address)
    }

    /// The other end; `notConnected` when there is none (any more).
    public func peerAddress() throws(Errno) -> SocketAddress {
        var address = clinux_address()
        // Safe: getpeername(2) fills our address during the call.
        _ = try retrying { unsafe clinux_peer_address(rawValue, &address) }
        return SocketAddress(address)
    }

    /// Sends each write at once (`TCP_NODELAY`): for callers that batch their writes.
    public func disableDelay() throws(Errno) { try set(Int32(IPPROTO_TCP), TCP_NODELAY, 1) }

    /// Makes `close` send a reset and drop what was not sent (`SO_LINGER` of zero).
    public func resetOnClose() throws(Errno) { _ = try retrying { clinux_linger_zero(rawValue) } }

    /// How much the kernel buffers for sending (`SO_SNDBUF`) and receiving (`SO_RCVBUF`), in bytes,
    /// doubled and bounded by the kernel; `nil` leaves its own choice.
    public func setBufferSizes(sending: Int32?, receiving: Int32?) throws(Errno) {
        if let sending { try set(SOL_SOCKET, SO_SNDBUF, sending) }
        if let receiving { try set(SOL_SOCKET, SO_RCVBUF, receiving) }
    }

    /// Tells the peer that nothing more will come (`shutdown(2)` of the writing side).
    public func shutdownWriting() throws(Errno) {
        _ = try retrying { clinux_shutdown_writing(rawValue) }
    }

    /// The error a connect or the peer left on the socket (`SO_ERROR`), which asking clears.
    public func pendingError() throws(Errno) -> Errno? {
        let code = try retrying { clinux_pending_error(rawValue) }
        return code == 0 ? nil : Errno(rawValue: Int32(code))
    }

    func set(_ level: Int32, _ name: Int32, _ value: Int32) throws(Errno) {
        _ = try retrying { clinux_option(rawValue, level, name, value) }
    }
}

extension SocketHandle {
    /// A listening TCP socket: non-blocking, closed on exec, its address reusable at once.
    ///
    /// - Parameters:
    ///   - address: port 0 lets the kernel choose one; `::` takes both families.
    ///   - reusePort: several sockets may listen at the address, and the kernel spreads the
    ///     connections over them (`SO_REUSEPORT`); each of them must ask for it.
    ///   - backlog: connections that may wait to be accepted, bounded by `net.core.somaxconn`.
    ///
    /// What is accepted there sends each write at once: it inherits `TCP_NODELAY`, which spares a call for each.
    public static func listen(
        at address: SocketAddress,
        reusePort: Bool,
        backlog: Int32
    ) throws(Errno) -> Descriptor {
        let descriptor = try bind(address, reusePort: reusePort)
        let number = descriptor.rawValue
        try descriptor.socket.disableDelay()
        _ = try retrying { clinux_listen(number, backlog) }
        return descriptor
    }

    private static func bind(
        _ address: SocketAddress,
        reusePort: Bool
    ) throws(Errno) -> Descriptor {
        var kernel = address.kernelAddress
        let descriptor = try open(kernel)
        let number = descriptor.rawValue
        try descriptor.socket.set(SOL_SOCKET, SO_REUSEADDR, 1)
        if reusePort { try descriptor.socket.set(SOL_SOCKET, SO_REUSEPORT, 1) }
        if kernel.family == 6 {
            let isAny = address.address == .anyIPv6
            try descriptor.socket.set(Int32(IPPROTO_IPV6), IPV6_V6ONLY, isAny ? 0 : 1)
        }
        // Safe: bind(2) reads our address during the call.
        _ = try retrying { unsafe clinux_bind(number, &kernel) }
        return descriptor
    }

    /// Lets sockets that ask for `reusePort` listen at this listening socket's address too.
    ///
    /// Asked for behind `listen`, not before: so the first socket at an address has it for itself, or fails
    /// when any other socket listens there, one of another process that shares its address too.
    public func sharePort() throws(Errno) { try set(SOL_SOCKET, SO_REUSEPORT, 1) }

    /// Takes an address without listening there: another that asks for it is refused, but for one that
    /// may reuse addresses, as servers may (`SO_REUSEADDR`). `addressInUse` when something listens there.
    public static func claim(_ address: SocketAddress) throws(Errno) -> Descriptor {
        try bind(address, reusePort: false)
    }

    /// A TCP socket on its way to `address`: non-blocking, closed on exec.
    ///
    /// It becomes writable when the attempt has ended; `pendingError` says how.
    ///
    /// - Parameter source: an address of this machine (a load harness needs more ports than one address
    ///   has); its port may be 0.
    public static func connect(
        to address: SocketAddress,
        from source: SocketAddress? = nil
    ) throws(Errno) -> Descriptor {
        var kernel = address.kernelAddress
        let descriptor = try open(kernel)
        let number = descriptor.rawValue
        if let source {
            var kernelSource = source.kernelAddress
            // With port 0 the port is chosen at connect, where the pair of ends must be unique, not
            // the port alone: ip(7), IP_BIND_ADDRESS_NO_PORT.
            try descriptor.socket.set(Int32(IPPROTO_IP), IP_BIND_ADDRESS_NO_PORT, 1)
            // Safe: bind(2) reads our address during the call.
            _ = try retrying { unsafe clinux_bind(number, &kernelSource) }
        }
        // Safe: connect(2) reads our address during the call.
        let result = unsafe clinux_connect(number, &kernel)
        // An interrupted connect goes on by itself: connect(2).
        if result < 0 && result != -Int(EINPROGRESS) && result != -Int(EINTR) {
            throw Errno(rawValue: Int32(-result))
        }
        return descriptor
    }

    /// Two stream sockets that are connected to each other, as `socketpair(2)` makes them: non-blocking, closed on exec.
    /// What is sent on one comes at the other. Each number is the caller's, for a `Descriptor` to adopt.
    ///
    /// - Parameter bufferBytes: how much may be under way in each direction (`SO_SNDBUF`), doubled by the kernel.
    public static func pair(bufferBytes: Int32) throws(Errno) -> (Int32, Int32) {
        var first: Int32 = -1
        var second: Int32 = -1
        // Safe: both numbers are ours, and written during the call.
        _ = try retrying { unsafe clinux_socket_pair(&first, &second) }
        let one = Descriptor(adopting: first)
        let other = Descriptor(adopting: second)
        try one.socket.setBufferSizes(sending: bufferBytes, receiving: nil)
        try other.socket.setBufferSizes(sending: bufferBytes, receiving: nil)
        return (one.release(), other.release())
    }

    private static func open(_ address: clinux_address) throws(Errno) -> Descriptor {
        let number = try retrying { clinux_socket(Int32(address.family)) }
        return Descriptor(adopting: Int32(number))
    }
}

/// A connection as `accept4(2)` hands it out: non-blocking, closed on exec.
@frozen
public struct AcceptedSocket: ~Copyable, Sendable {
    public let descriptor: Descriptor
    public let peer: SocketAddress

    @inlinable
    init(descriptor: consuming Descriptor, peer: SocketAddress) {
        self.descriptor = descriptor
        self.peer = peer
    }

    /// The parts, each owned by the caller.
    @inlinable
    public consuming func takeDescriptor() -> Descriptor { descriptor }
}

/// What a read from a socket brought.
@frozen
public enum ReceiveResult: Equatable, Sendable {
    /// So many bytes, at least one.
    case bytes(Int)
    /// Nothing is there yet.
    case wouldBlock
    /// The peer has shut its writing side: nothing will come any more.
    case closed
}

/// What a write to a socket took.
@frozen
public enum SendResult: Equatable, Sendable {
    /// So many bytes, from the front; possibly fewer than there were.
    case sent(Int)
    /// The socket is full.
    case wouldBlock
}
