import Bytes
import Glibc
import Linux
import MQTT
import Support
import TLS
import Testing

extension WholeGateway {
    @Suite struct PostHandshakeTests {
        @Test(
            "[RFC 8446, 4.6] a ticket goes out in one piece with CONNACK, and alone when there is no CONNECT yet",
            arguments: [true, false]
        )
        func ticket(withConnect: Bool) async throws {
            try await TestGateway.run(shards: 1) { gateway in
                let product = try await gateway.createProduct()
                let device = try await gateway.importDevice("dk1", into: product)
                // It gets its code first: nothing is waited for any more then.
                try gateway.connect(device).leave()
                let connect = TestCredentials.signed(device, secureMode: 2).connectPacket()
                let socket = try SocketHandle.connect(
                    to: SocketAddress(.loopbackIPv4, port: gateway.tlsPort))
                var client = try TLSSession(
                    connecting: gateway.certificates.clientContext, serverName: "localhost")
                var port = TLSPort()
                var clear = ByteBuffer()
                var sent = ByteBuffer()
                _ = try client.receive(Span(), through: &port, into: &clear, output: &sent)
                while !client.isEstablished {
                    try write(sent.span.bytesArray, to: socket)
                    sent.removeAll()
                    let flight = try piece(from: socket)
                    _ = try client.receive(
                        flight.span, through: &port, into: &clear, output: &sent)
                }
                if withConnect {
                    // Finished and CONNECT in one piece.
                    try client.send(connect.span, through: &port, output: &sent)
                }
                let segments = try dataSegments(to: socket)
                try write(sent.span.bytesArray, to: socket)
                let answer = try piece(from: socket)
                #expect(try dataSegments(to: socket) == segments + 1)
                _ = try client.receive(answer.span, through: &port, into: &clear, output: &sent)
                #expect(client.resumption != nil)
                #expect(clear.span.bytesArray.first == (withConnect ? 0x20 : nil))
            }
        }

        private func write(_ bytes: [UInt8], to socket: borrowing Descriptor) throws {
            guard case .sent(bytes.count) = try socket.socket.send(bytes.span) else {
                throw Errno.brokenPipe
            }
        }

        /// How many segments with data have come: `tcpi_data_segs_in` of tcp(7), TCP_INFO.
        private func dataSegments(to socket: borrowing Descriptor) throws -> UInt32 {
            var information = [UInt8](repeating: 0, count: 232)
            var count = socklen_t(information.count)
            // Safe: both are ours, and the count says how much room there is.
            let result = unsafe getsockopt(
                socket.rawValue, Int32(IPPROTO_TCP), TCP_INFO, &information, &count)
            try #require(result == 0 && count >= 156)
            return information[152..<156].reversed().reduce(0) { $0 << 8 | UInt32($1) }
        }

        /// What one read finds when there is something.
        private func piece(from socket: borrowing Descriptor) throws -> [UInt8] {
            var waiting = pollfd(fd: socket.rawValue, events: Int16(POLLIN), revents: 0)
            // Safe: one entry, ours.
            try #require(unsafe poll(&waiting, 1, 60_000) == 1)
            var arrived = ByteBuffer()
            _ = try unsafe arrived.appendUnsafely(minimum: 65_536) { region throws(Errno) in
                // Safe: the region is the buffer's own free memory.
                switch try unsafe socket.socket.receive(into: region) {
                case .bytes(let count): count
                case .wouldBlock, .closed: 0
                }
            }
            return arrived.span.bytesArray
        }
    }
}
