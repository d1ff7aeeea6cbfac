import CLinux

extension SocketHandle {
    /// A listening TCP socket: non-blocking, closed on exec, its address reusable at once.
    ///
    /// - Parameters:
    ///   - address: port 0 lets the kernel choose one; `::` takes both families.
    ///   - reusePort: several sockets may listen at the address, and the kernel spreads the
    ///     connections over them (`SO_REUSEPORT`); each of them must ask for it.
    ///   - backlog: connections that may wait to be accepted, bounded by `net.core.somaxconn`.
    public static func listen(
        at address: SocketAddress,
        reusePort: Bool,
        backlog: Int32
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
        _ = try retrying { clinux_listen(number, backlog) }
        return descriptor
    }

    /// A TCP socket on its way to `address`: non-blocking, closed on exec.
    ///
    /// It becomes writable when the attempt has ended; `pendingError` says how.
    public static func connect(to address: SocketAddress) throws(Errno) -> Descriptor {
        try connect(to: address, from: nil)
    }

    /// The same, from an address of this machine (a load harness needs more ports than one address
    /// has); its port may be 0.
    public static func connect(
        to address: SocketAddress,
        from source: SocketAddress?
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

    private static func open(_ address: clinux_address) throws(Errno) -> Descriptor {
        let number = try retrying { clinux_socket(Int32(address.family)) }
        return Descriptor(adopting: Int32(number))
    }
}
