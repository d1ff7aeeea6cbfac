public import Bytes
import Glibc
public import Linux
public import MQTT
public import TLS

/// A blocking MQTT client on a socket of its own, for one thread at a time. Every wait has a time
/// limit, after which it throws.
///
/// QoS 1 and 2 messages that arrive are acknowledged unless `acknowledgesMessages` is false. What arrives
/// while something else is waited for is kept, and found by a later wait.
public final class TestClient {
    public let version: ProtocolVersion

    /// How long a wait lasts when nothing else is said.
    public var patienceSeconds = Patience.seconds

    public var acknowledgesMessages = true

    /// Whether `publish` answers 0x10 as it is, that the topic has no subscriber; else as success,
    /// for tests that are about something else.
    public var tellsUnheard = false
    private let descriptor: Descriptor
    private var tls: TLSSession?
    private var port = TLSPort()
    private var input = ByteBuffer()

    /// Set once a WebSocket is open: packets are sent in its frames.
    public internal(set) var webSocket: TestWebSocket?

    /// What came while something else was waited for.
    private(set) var kept: [TestPacket] = []
    private var isClosed = false
    private var lastPacketID: UInt16 = 0

    /// Connects the socket and, with certificates, shakes hands and verifies the server's.
    public convenience init(
        port number: UInt16,
        certificates: TestCertificates? = nil,
        version: ProtocolVersion = .v5
    ) throws(TestClientError) {
        try self.init(port: number, context: certificates?.clientContext, version: version)
    }

    /// Connects the socket and, with a context, shakes hands, taking up an earlier session if one
    /// is given.
    ///
    /// - Parameters:
    ///   - host: where the gateway is.
    ///   - source: the address of the loopback to connect from; `nil` for any.
    ///   - header: what a proxy says before anything else.
    ///   - pieces: how that and the ClientHello are sent.
    public init(
        port number: UInt16,
        context: TLSContext?,
        resuming resumption: TLSResumption? = nil,
        version: ProtocolVersion = .v5,
        to host: IPAddress = .loopbackIPv4,
        from source: IPAddress? = .loopbackIPv4,
        announcing header: [UInt8] = [],
        in pieces: OpeningPieces = .two
    ) throws(TestClientError) {
        self.version = version
        do throws(Errno) {
            descriptor = try SocketHandle.connect(
                to: SocketAddress(host, port: number),
                from: source.map { SocketAddress($0, port: 0) })
            try descriptor.socket.disableDelay()
        } catch {
            throw .system(error)
        }
        let deadline = Self.deadline(patienceSeconds)
        guard wait(for: POLLOUT, until: deadline) else {
            throw .timedOut(waitingFor: "the TCP connection", instead: [])
        }
        do throws(Errno) {
            if let error = try descriptor.socket.pendingError() { throw error }
        } catch {
            throw .system(error)
        }
        guard let context else {
            try write(header, in: pieces)
            return
        }
        try shakeHands(
            context, resuming: resumption, behind: header, in: pieces, until: deadline)
    }

    /// How a client's first bytes are cut.
    public enum OpeningPieces: Sendable {
        /// What the proxy says, and the ClientHello.
        case two
        case one
        case bytes
    }

    /// What it takes to resume the TLS session, once something has been received.
    public var resumption: TLSResumption? {
        switch tls {
        case .some(let session): session.resumption
        case .none: nil
        }
    }

    /// What the TLS handshake agreed on; `nil` on a plain connection.
    public var tlsVersion: TLSVersion? {
        switch tls {
        case .some(let session): session.version
        case .none: nil
        }
    }

    /// What the TLS handshake agreed on by ALPN; `nil` for nothing.
    public var applicationProtocol: String? {
        switch tls {
        case .some(let session): session.applicationProtocol
        case .none: nil
        }
    }

    /// The kernel's number of its socket.
    public var socketNumber: Int32 { descriptor.rawValue }

    /// A packet identifier that was not used lately.
    public func nextPacketID() -> UInt16 {
        lastPacketID = lastPacketID == .max ? 1 : lastPacketID + 1
        return lastPacketID
    }

    // MARK: Bytes

    /// Sends a packet that `encode` appends.
    public func send(_ encode: (inout ByteBuffer) -> Void) throws(TestClientError) {
        var packet = ByteBuffer()
        encode(&packet)
        try send(packet.span)
    }

    /// Sends any bytes of MQTT, in a frame if there is a WebSocket, through TLS if there is TLS.
    public func send(_ bytes: Span<UInt8>) throws(TestClientError) {
        guard webSocket == nil else {
            return try sendUnframed(TestWebSocket.frame(bytes.bytesArray).span)
        }
        try sendUnframed(bytes)
    }

    /// Sends any bytes, through TLS if there is TLS.
    func sendUnframed(_ bytes: Span<UInt8>) throws(TestClientError) {
        guard tls != nil else { return try write(bytes) }
        var records = ByteBuffer()
        do throws(TLSError) {
            try tls?.send(bytes, through: &port, output: &records)
        } catch {
            throw .tls(error)
        }
        try write(records.span)
    }

    /// Sends any bytes of MQTT, in a frame if there is a WebSocket, through TLS if there is TLS.
    public func send(_ bytes: [UInt8]) throws(TestClientError) { try send(bytes.span) }

    /// Sends bytes and the end of the TLS session in one write.
    public func sendAndEndTLS(_ bytes: [UInt8]) throws(TestClientError) {
        var records = ByteBuffer()
        do throws(TLSError) {
            try tls?.send(bytes.span, through: &port, output: &records)
        } catch {
            throw .tls(error)
        }
        tls?.close(through: &port, output: &records)
        try write(records.span)
    }

    /// Sends no more, reads on (`shutdown(2)` of the writing side).
    public func finishWriting() { try? descriptor.socket.shutdownWriting() }

    /// Closes the socket with a reset, as a device that loses its power or its network looks.
    public consuming func lose() { try? descriptor.socket.resetOnClose() }

    // MARK: Packets

    /// The next packet, a kept one first; `nil` when the gateway has closed the connection.
    public func next(seconds: Double? = nil) throws(TestClientError) -> TestPacket? {
        if !kept.isEmpty { return kept.removeFirst() }
        return try read(until: Self.deadline(seconds ?? patienceSeconds), waitingFor: "a packet")
    }

    /// The bytes of the next packet, not looked into and not acknowledged; `nil` when the gateway has
    /// closed the connection.
    public func nextBytes(seconds: Double? = nil) throws(TestClientError) -> [UInt8]? {
        let deadline = Self.deadline(seconds ?? patienceSeconds)
        while true {
            if let packet = try takeBytes() { return packet }
            if isClosed { return nil }
            guard wait(for: POLLIN, until: deadline) else {
                throw .timedOut(waitingFor: "a packet's bytes", instead: kept)
            }
            try receive()
        }
    }

    private func takeBytes() throws(TestClientError) -> [UInt8]? {
        var packet: [UInt8]?
        var arrived = ByteBuffer()
        swap(&arrived, &input)
        defer { swap(&arrived, &input) }
        do throws(DecodingError) {
            let framing = try Framing.next(in: arrived.span, maximumPacketSize: 1 << 28)
            if case .packet(_, _, let totalLength) = framing {
                packet = arrived.span.extracting(0..<totalLength).bytesArray
            }
        } catch {
            throw .malformed(error)
        }
        arrived.removeFirst(packet?.count ?? 0)
        return packet
    }

    /// The first packet that `choose` makes something of; others are kept.
    public func first<Chosen>(
        _ what: String,
        seconds: Double? = nil,
        _ choose: (TestPacket) -> Chosen?
    ) throws(TestClientError) -> Chosen {
        for index in kept.indices {
            if let chosen = choose(kept[index]) {
                kept.remove(at: index)
                return chosen
            }
        }
        let deadline = Self.deadline(seconds ?? patienceSeconds)
        while let packet = try read(until: deadline, waitingFor: what) {
            if let chosen = choose(packet) { return chosen }
            kept.append(packet)
        }
        throw .closed(waitingFor: what, instead: kept)
    }

    /// Reads until the gateway closes the connection; answers what came, kept packets first.
    public func untilClosed(seconds: Double? = nil) throws(TestClientError) -> [TestPacket] {
        let deadline = Self.deadline(seconds ?? patienceSeconds)
        while let packet = try read(until: deadline, waitingFor: "the end") { kept.append(packet) }
        defer { kept.removeAll() }
        return kept
    }

    private func read(
        until deadline: MonotonicInstant,
        waitingFor what: String
    ) throws(TestClientError) -> TestPacket? {
        while true {
            if let packet = try parse() { return packet }
            if isClosed { return nil }
            guard wait(for: POLLIN, until: deadline) else {
                throw .timedOut(waitingFor: what, instead: kept)
            }
            try receive()
        }
    }

    private func parse() throws(TestClientError) -> TestPacket? {
        var packet: TestPacket?
        var length = 0
        var arrived = ByteBuffer()
        swap(&arrived, &input)
        defer { swap(&arrived, &input) }
        do throws(DecodingError) {
            let framing = try Framing.next(in: arrived.span, maximumPacketSize: 1 << 28)
            guard case .packet(let header, let headerLength, let totalLength) = framing else {
                return nil
            }
            let body = arrived.span.extracting(headerLength..<totalLength)
            packet = try TestPacket(header, body: body, version: version)
            length = totalLength
        } catch {
            throw .malformed(error)
        }
        arrived.removeFirst(length)
        if acknowledgesMessages, let packet { try acknowledge(packet) }
        return packet
    }

    /// PUBACK, PUBREC or PUBCOMP, as the packet asks for.
    private func acknowledge(_ packet: TestPacket) throws(TestClientError) {
        let version = version
        switch packet {
        case .publish(let message):
            guard let packetID = message.packetID else { return }
            try send { buffer in
                if message.qos == .atLeastOnce {
                    Puback.encode(packetID: packetID, version: version, into: &buffer)
                } else {
                    Pubrec.encode(packetID: packetID, version: version, into: &buffer)
                }
            }
        case .acknowledgement(let answer):
            guard answer.type == .pubrel else { return }
            try send { Pubcomp.encode(packetID: answer.packetID, version: version, into: &$0) }
        case .connack, .subscription, .pingresp, .disconnect, .other: break
        }
    }
}

// Sockets and TLS.
extension TestClient {
    /// Reads until what has come is enough, or the gateway has closed the connection.
    func readUnframed(
        _ what: String,
        until isEnough: ([UInt8]) -> Bool
    ) throws(TestClientError) -> [UInt8] {
        let deadline = Self.deadline(patienceSeconds)
        while !isClosed, !isEnough(input.span.bytesArray) {
            guard wait(for: POLLIN, until: deadline) else {
                throw .timedOut(waitingFor: what, instead: kept)
            }
            try receive()
        }
        defer { input.removeAll() }
        return input.span.bytesArray
    }

    /// Reads until a Pong of the WebSocket has come.
    public func awaitPong() throws(TestClientError) {
        let deadline = Self.deadline(patienceSeconds)
        while !(webSocket?.controls.contains { $0.opcode == 10 } ?? false) {
            guard !isClosed else { throw .closed(waitingFor: "a Pong", instead: kept) }
            guard wait(for: POLLIN, until: deadline) else {
                throw .timedOut(waitingFor: "a Pong", instead: kept)
            }
            try receive()
        }
    }

    /// From now on there are frames; the first ones have come already.
    func beginFrames(_ bytes: [UInt8]) {
        var opened = TestWebSocket()
        input.append(opened.receive(bytes).span)
        webSocket = opened
    }

    private static func deadline(_ seconds: Double) -> MonotonicInstant {
        .now().adding(milliseconds: Int64(seconds * 1_000))
    }

    private func wait(for event: Int32, until deadline: MonotonicInstant) -> Bool {
        while true {
            let left = deadline.milliseconds(since: .now())
            var waiting = pollfd(fd: descriptor.rawValue, events: Int16(event), revents: 0)
            // Safe: one entry, ours.
            let count = unsafe poll(&waiting, 1, Int32(clamping: max(left, 0)))
            if count > 0 { return true }
            if count == 0 || errno != EINTR { return false }
        }
    }

    private func shakeHands(
        _ context: TLSContext,
        resuming resumption: TLSResumption?,
        behind header: [UInt8],
        in pieces: OpeningPieces,
        until deadline: MonotonicInstant
    ) throws(TestClientError) {
        var records = ByteBuffer()
        do throws(TLSError) {
            var session = try TLSSession(
                connecting: context, serverName: "localhost", resuming: resumption)
            _ = try session.receive(Span(), through: &port, into: &input, output: &records)
            tls = consume session
        } catch {
            throw .tls(error)
        }
        if pieces == .two {
            try write(header.span)
            try write(records.span)
        } else {
            try write(header + records.span.bytesArray, in: pieces)
        }
        while !(tls?.isEstablished ?? false) {
            guard !isClosed else { throw .closed(waitingFor: "the TLS handshake", instead: []) }
            guard wait(for: POLLIN, until: deadline) else {
                throw .timedOut(waitingFor: "the TLS handshake", instead: [])
            }
            try receive()
        }
    }

    private func write(_ bytes: [UInt8], in pieces: OpeningPieces) throws(TestClientError) {
        guard pieces == .bytes else { return try write(bytes.span) }
        for byte in bytes {
            try write([byte].span)
            usleep(500)
        }
    }

    /// Reads once; what comes, out of frames and TLS, goes into `input`.
    private func receive() throws(TestClientError) {
        let before = input.count
        try receiveUnframed()
        guard webSocket != nil else { return }
        let fresh = input.span.extracting(before..<input.count).bytesArray
        input.truncate(to: before)
        let payload = webSocket?.receive(fresh) ?? []
        input.append(payload.span)
    }

    private func receiveUnframed() throws(TestClientError) {
        var arrived = ByteBuffer()
        do throws(Errno) {
            _ = try unsafe arrived.appendUnsafely(minimum: 65_536) { region throws(Errno) in
                // Safe: the region is the buffer's own free memory.
                switch try unsafe descriptor.socket.receive(into: region) {
                case .bytes(let count): return count
                case .wouldBlock: return 0
                case .closed:
                    isClosed = true
                    return 0
                }
            }
        } catch .connectionReset {
            isClosed = true
        } catch {
            throw .system(error)
        }
        guard tls != nil else { return input.append(arrived.span) }
        guard !arrived.isEmpty else { return }
        var records = ByteBuffer()
        do throws(TLSError) {
            let state = try tls?.receive(
                arrived.span, through: &port, into: &input, output: &records)
            if state == .closed { isClosed = true }
        } catch {
            throw .tls(error)
        }
        try write(records.span)
    }

    private func write(_ bytes: Span<UInt8>) throws(TestClientError) {
        var rest = bytes
        let deadline = Self.deadline(patienceSeconds)
        while rest.count > 0 {
            do throws(Errno) {
                if case .sent(let count) = try descriptor.socket.send(rest) {
                    rest = rest.extracting(droppingFirst: count)
                    continue
                }
            } catch {
                throw .system(error)
            }
            guard wait(for: POLLOUT, until: deadline) else {
                throw .timedOut(waitingFor: "room in the socket", instead: [])
            }
        }
    }
}
