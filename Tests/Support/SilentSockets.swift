import Glibc
public import Linux

/// Sockets that are opened and say nothing.
public struct SilentSockets: ~Copyable {
    private var descriptors: [Int32] = []

    public init() {}

    deinit { for number in descriptors { close(number) } }

    /// Opens so many to a port of the loopback, from an address of it.
    public mutating func open(
        _ count: Int,
        to port: UInt16,
        from source: IPAddress = .loopbackIPv4
    ) throws(Errno) {
        for _ in 0..<count {
            let descriptor = try SocketHandle.connect(
                to: SocketAddress(.loopbackIPv4, port: port),
                from: SocketAddress(source, port: 0))
            descriptors.append(descriptor.release())
        }
    }

    public var count: Int { descriptors.count }

    /// How many of them the other side has closed.
    public var closedCount: Int {
        descriptors.count { number in
            var waiting = pollfd(fd: number, events: Int16(POLLIN), revents: 0)
            // Safe: one entry, ours.
            return unsafe poll(&waiting, 1, 0) > 0
        }
    }

    /// Waits until the other side has closed so many; whether that came in time.
    public func waitUntilClosed(_ count: Int, seconds: Double = Patience.seconds) -> Bool {
        let deadline = MonotonicInstant.now().adding(milliseconds: Int64(seconds * 1_000))
        while closedCount < count {
            guard MonotonicInstant.now() < deadline else { return false }
            usleep(5_000)
        }
        return true
    }
}
