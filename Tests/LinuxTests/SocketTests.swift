import Glibc
import Linux
import Testing

@Suite struct SocketTests {
    @Test(
        "Bytes sent on one end are received on the other, and both ends know each other's address")
    func roundTrip() throws {
        let pair = try Loopback()
        #expect(try pair.peer == pair.client.socket.localAddress())
        #expect(try pair.server.socket.peerAddress() == pair.peer)
        #expect(try pair.client.socket.pendingError() == nil)
        try pair.client.socket.disableDelay()
        try pair.client.socket.setBufferSizes(sending: 65_536, receiving: nil)

        let message: [UInt8] = [1, 2, 3, 4, 5]
        #expect(try pair.client.socket.send(message.span) == .sent(5))
        try waitUntilReady(pair.server.rawValue, .read)
        let (result, bytes) = try receive(pair.server.socket)
        #expect(result == .bytes(5))
        #expect(bytes == message)
    }

    @Test("What a listening socket accepts sends each write at once")
    func noDelay() throws {
        let pair = try Loopback()
        var isSet: Int32 = 0
        var size = socklen_t(MemoryLayout<Int32>.size)
        // Safe: both are ours, and of the sizes that are given.
        let result = unsafe getsockopt(
            pair.server.rawValue, Int32(IPPROTO_TCP), TCP_NODELAY, &isSet, &size)
        #expect(result == 0 && isSet == 1)
    }

    @Test("What is sent on one socket of a pair comes at the other, and its end too")
    func pair() throws {
        let (first, second) = try SocketHandle.pair(bufferBytes: 16_384)
        let other = Descriptor(adopting: second)
        let message: [UInt8] = [1, 2, 3]
        #expect(try SocketHandle(rawValue: first).send(message.span) == .sent(3))
        #expect(try other.socket.send(message.span) == .sent(3))
        let (result, bytes) = try receive(other.socket)
        #expect(result == .bytes(3) && bytes == message)
        #expect(try receive(other.socket).0 == .wouldBlock)
        #expect(try receive(SocketHandle(rawValue: first)).0 == .bytes(3))
        try close(Descriptor(adopting: first))
        #expect(try receive(other.socket).0 == .closed)
    }

    private func close(_ descriptor: consuming Descriptor) throws {
        #expect(descriptor.rawValue >= 0)
    }

    @Test("Reading where nothing is would block, and that is no error")
    func readWouldBlock() throws {
        let pair = try Loopback()
        #expect(try receive(pair.server.socket).0 == .wouldBlock)
    }

    @Test("A socket that is full takes a part, then would block, and takes more once it is read")
    func writeWouldBlock() throws {
        let pair = try Loopback()
        let block = [UInt8](repeating: 7, count: 1 << 20)
        var sent = 0
        while case .sent(let count) = try pair.client.socket.send(block.span) {
            #expect(count > 0)
            sent += count
        }
        var received = 0
        while received < sent {
            try waitUntilReady(pair.server.rawValue, .read)
            received += try receive(pair.server.socket, capacity: 1 << 20).1.count
        }
        #expect(received == sent)
        try waitUntilReady(pair.client.rawValue, .write)
        guard case .sent = try pair.client.socket.send(block.span) else {
            Issue.record("the socket was read empty and takes nothing")
            return
        }
    }

    @Test("Sending nothing sends nothing")
    func sendNothing() throws {
        let pair = try Loopback()
        #expect(try pair.client.socket.send(Span()) == .sent(0))
        #expect(try receive(pair.server.socket).0 == .wouldBlock)
    }

    @Test("A peer that has shut its writing side is closed, after its last bytes")
    func endOfStream() throws {
        let pair = try Loopback()
        let last: [UInt8] = [9]
        _ = try pair.client.socket.send(last.span)
        try pair.client.socket.shutdownWriting()
        let readiness = try waitUntilReady(pair.server.rawValue, [.read, .readHangUp])
        #expect(readiness.contains(.read))
        #expect(try receive(pair.server.socket).1 == last)
        #expect(try receive(pair.server.socket).0 == .closed)
    }

    @Test("A peer that resets is an error on reading and, without a signal, on writing")
    func reset() throws {
        let pair = try Loopback()
        try pair.client.socket.resetOnClose()
        let server = pair.closeClient()
        try waitUntilReady(server.rawValue, .read)
        #expect(throws: Errno.connectionReset) { try receive(server.socket) }
        let message: [UInt8] = [1]
        #expect(throws: Errno.brokenPipe) { try server.socket.send(message.span) }
    }

    @Test("Connecting to a port where nobody listens is refused")
    func refused() throws {
        let address: SocketAddress
        do {
            let listener = try SocketHandle.listen(
                at: SocketAddress(.loopbackIPv4, port: 0),
                reusePort: false,
                backlog: 1
            )
            address = try listener.socket.localAddress()
        }
        let client = try SocketHandle.connect(to: address)
        try waitUntilReady(client.rawValue, .write)
        #expect(try client.socket.pendingError() == .connectionRefused)
    }

    @Test("Accepting when nobody waits is nil")
    func nobodyWaits() throws {
        let listener = try SocketHandle.listen(
            at: SocketAddress(.loopbackIPv4, port: 0),
            reusePort: false,
            backlog: 1
        )
        let isNil = try listener.socket.accept() == nil
        #expect(isNil)
    }

    @Test(
        "Two listeners with SO_REUSEPORT share a port and the connections; without it the second fails"
    )
    func reusePort() throws {
        let first = try SocketHandle.listen(
            at: SocketAddress(.loopbackIPv4, port: 0),
            reusePort: true,
            backlog: 128
        )
        let address = try first.socket.localAddress()
        let second = try SocketHandle.listen(at: address, reusePort: true, backlog: 128)
        #expect(throws: Errno.addressInUse) {
            _ = try SocketHandle.listen(at: address, reusePort: false, backlog: 1)
        }

        // 64 connections all on one side would happen once in 2^63 times.
        var accepted = [0, 0]
        for _ in 0..<64 {
            let client = try SocketHandle.connect(to: address)
            try waitUntilReady(client.rawValue, .write)
            if let connection = try first.socket.accept() {
                accepted[0] += 1
                _ = consume connection
            } else if let connection = try second.socket.accept() {
                accepted[1] += 1
                _ = consume connection
            }
        }
        #expect(accepted[0] + accepted[1] == 64)
        #expect(accepted.allSatisfy { $0 > 0 })
    }

    @Test("IPv6 works where there is any, and a listener on :: sees IPv4 peers as IPv4")
    func ipv6() throws {
        let listener: Descriptor
        do {
            listener = try SocketHandle.listen(
                at: SocketAddress(.anyIPv6, port: 0),
                reusePort: false,
                backlog: 8
            )
        } catch {
            return  // A machine without IPv6.
        }
        let port = try listener.socket.localAddress().port
        let client = try SocketHandle.connect(to: SocketAddress(.loopbackIPv4, port: port))
        try waitUntilReady(listener.rawValue, .read)
        let peer = try listener.socket.accept()?.peer
        #expect(try peer == client.socket.localAddress())

        if let pair = try? Loopback(at: .loopbackIPv6) {
            #expect(pair.peer.address == .loopbackIPv6)
            #expect(pair.peer.scope == 0)
        }
    }

    @Test("A client can come from another address of this machine")
    func sourceAddress() throws {
        let listener = try SocketHandle.listen(
            at: SocketAddress(.loopbackIPv4, port: 0),
            reusePort: false,
            backlog: 8
        )
        let source = SocketAddress(IPAddress(ipv4: 0x7F00_0002), port: 0)
        let client = try SocketHandle.connect(
            to: listener.socket.localAddress(),
            from: source
        )
        try waitUntilReady(listener.rawValue, .read)
        let peer = try listener.socket.accept()?.peer
        #expect(peer?.address == source.address)
        _ = consume client
    }
}
