import CLinux

/// The verbs of a TCP socket, on a descriptor that somebody else owns and keeps open meanwhile.
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
        precondition(unsafe !buffer.isEmpty, "reading into nothing looks like the end")
        let count = try retryingUnlessBlocked {
            // Safe: the caller lends `buffer` for the call.
            unsafe clinux_receive(rawValue, buffer.baseAddress, buffer.count)
        }
        guard let count else { return .wouldBlock }
        return count == 0 ? .closed : .bytes(count)
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
                    descriptor: Descriptor(adopting: Int32(number)),
                    peer: SocketAddress(peer)
                )
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

    /// Sends each write at once (`TCP_NODELAY`): whoever flushes once per turn has batched already.
    public func disableDelay() throws(Errno) {
        try set(Int32(IPPROTO_TCP), TCP_NODELAY, 1)
    }

    /// Makes `close` send a reset and drop what was not sent (`SO_LINGER` of zero).
    public func resetOnClose() throws(Errno) {
        _ = try retrying { clinux_linger_zero(rawValue) }
    }

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
