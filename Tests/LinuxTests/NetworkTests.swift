import Linux
import Testing

@Suite struct NetworkTests {
    @Test(
        "a network has the addresses that begin with its prefix, and no others",
        arguments: [
            ("10.0.0.0/8", "10.255.0.1", true), ("10.0.0.0/8", "11.0.0.1", false),
            ("10.9.8.7/8", "10.0.0.1", true), ("0.0.0.0/0", "203.0.113.9", true),
            ("0.0.0.0/0", "::1", false), ("192.0.2.1", "192.0.2.1", true),
            ("192.0.2.1", "192.0.2.2", false), ("192.0.2.0/31", "192.0.2.1", true),
            ("192.0.2.0/32", "192.0.2.1", false), ("2001:db8::/32", "2001:db8:ffff::1", true),
            ("2001:db8::/32", "2001:db9::1", false), ("2001:db8:0:1::/64", "2001:db8:0:1::9", true),
            ("2001:db8:0:1::/64", "2001:db8:0:2::9", false), ("::/0", "2001:db8::1", true),
            ("2001:db8::4/126", "2001:db8::7", true), ("2001:db8::4/126", "2001:db8::8", false),
            ("::1", "::1", true), ("::1", "::2", false), ("::ffff:10.0.0.0/104", "10.1.2.3", true),
            ("10.0.0.0/8", "::ffff:10.1.2.3", true),
        ])
    func contains(network: String, address: String, isIn: Bool) throws {
        let network = try #require(IPNetwork(network))
        #expect(network.contains(try #require(IPAddress(address))) == isIn)
        #expect(IPNetwork("\(network)") == network)
    }

    @Test(
        "what is no network is none",
        arguments: [
            "", "/", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/+8", "10.0.0/8", "lan",
            "::/129", "::ffff:10.0.0.0/95", "10.0.0.0/8/8", "10.0.0.0/ 8", "2001:db8::/32x",
        ])
    func malformed(text: String) { #expect(IPNetwork(text) == nil) }

    @Test("addresses overlap when sockets at both would take the same connections")
    func overlaps() throws {
        let pairs = [
            ("0.0.0.0", "127.0.0.1", true), ("::", "127.0.0.1", true), ("::", "0.0.0.0", true),
            ("::", "::1", true), ("0.0.0.0", "::1", false), ("127.0.0.1", "127.0.0.2", false),
            ("::ffff:127.0.0.1", "127.0.0.1", true), ("::1", "::1", true),
        ]
        for (one, other, overlap) in pairs {
            let one = try #require(IPAddress(one))
            let other = try #require(IPAddress(other))
            #expect(one.overlaps(other) == overlap && other.overlaps(one) == overlap)
        }
    }

    @Test("a listening socket has its address for itself until it shares it")
    func sharing() throws {
        let any = SocketAddress(.loopbackIPv4, port: 0)
        let first = try SocketHandle.listen(at: any, reusePort: false, backlog: 8)
        let address = try first.socket.localAddress()
        #expect(throws: Errno.addressInUse) {
            _ = try SocketHandle.listen(at: address, reusePort: true, backlog: 8)
        }
        try first.socket.sharePort()
        let second = try SocketHandle.listen(at: address, reusePort: true, backlog: 8)
        // Another process comes like the first one.
        for taken in [address.address, .anyIPv4, .anyIPv6] {
            let place = SocketAddress(taken, port: address.port)
            #expect(throws: Errno.addressInUse) {
                _ = try SocketHandle.listen(at: place, reusePort: false, backlog: 8)
            }
            #expect(throws: Errno.addressInUse) { _ = try SocketHandle.claim(place) }
        }
        _ = try second.socket.localAddress()
    }

    @Test("a claimed address can be listened at; one that is listened at can't be claimed")
    func claiming() throws {
        let claim = try SocketHandle.claim(SocketAddress(.loopbackIPv4, port: 0))
        let address = try claim.socket.localAddress()
        let listening = try SocketHandle.listen(at: address, reusePort: false, backlog: 8)
        #expect(throws: Errno.addressInUse) { _ = try SocketHandle.claim(address) }
        _ = try listening.socket.localAddress()
    }

    @Test("what is peeked at is still there; what is skipped is not")
    func peeking() throws {
        let pair = try Loopback()
        let message: [UInt8] = [1, 2, 3, 4, 5]
        _ = try pair.client.socket.send(message.span)
        try waitUntilReady(pair.server.rawValue, .read)
        var bytes = [UInt8](repeating: 0, count: 8)
        for _ in 0..<2 {
            let result = try unsafe bytes.withUnsafeMutableBytes { buffer in
                // Safe: the array's own bytes.
                try unsafe pair.server.socket.peek(into: buffer)
            }
            #expect(result == .bytes(5) && bytes.prefix(5) == [1, 2, 3, 4, 5])
        }
        try pair.server.socket.skip(0)
        try pair.server.socket.skip(3)
        #expect(try receive(pair.server.socket).1 == [4, 5])
    }

    @Test("a spare descriptor lets one be opened where none is left")
    func spare() throws {
        var spare = SpareDescriptor()
        var isDone = false
        let isLent = try spare.lend { () throws(Errno) in isDone = true }
        #expect(isLent && isDone)
        #expect(throws: Errno.noSpace) {
            try spare.lend { () throws(Errno) in throw .noSpace }
        }
        let isLentAgain = try spare.lend { () throws(Errno) in }
        #expect(isLentAgain)
        #expect(try ProcessLimits.openFiles() > 2)
    }
}
