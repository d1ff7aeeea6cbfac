internal import Bytes
internal import Linux
internal import TLS

/// A connection to an HTTP API, over TLS or without. Each call returns when its work is done.
struct APIConnection: ~Copyable {
    private let descriptor: Descriptor
    private let epoll: Epoll
    private var events = EventBuffer(capacity: 1)

    private let api: APIEndpoint
    private var port = TLSPort()
    private var session: TLSSession?

    /// Bytes on their way to the socket, and those that came from it.
    private var output = ByteBuffer()
    private var input = ByteBuffer()

    /// What came, in the clear.
    private var content = ByteBuffer()

    /// How long the other side may keep silent, in milliseconds.
    private static let patience: Int32 = 120_000
    private static let contentMaximum = 64 << 20

    /// One over TCP; where the API has TLS, hands are to be shaken next.
    static func open(to api: APIEndpoint) throws(HTTPError) -> APIConnection {
        do throws(Errno) {
            var connection = APIConnection(
                api, try SocketHandle.connect(to: api.address), try Epoll())
            try connection.epoll.add(
                connection.descriptor.rawValue, interest: [.write], userData: 0)
            try connection.waitForEvent()
            if let code = try connection.descriptor.socket.pendingError() { throw code }
            return connection
        } catch {
            throw HTTPError(text: "\(error)")
        }
    }

    private init(
        _ api: APIEndpoint,
        _ descriptor: consuming Descriptor,
        _ epoll: consuming Epoll
    ) {
        self.api = api
        self.descriptor = descriptor
        self.epoll = epoll
    }

    /// Agrees on TLS, and verifies the server's certificate. Nothing without TLS.
    mutating func shakeHands() throws(HTTPError) {
        guard let encryption = api.encryption else { return }
        do throws(TLSError) {
            session = try TLSSession(
                connecting: encryption.context, serverName: encryption.serverName)
        } catch {
            throw HTTPError(text: "\(error)")
        }
        try decipher()
        while session?.isEstablished == false {
            guard try receive() else {
                throw HTTPError(text: "it closed the connection while TLS was agreed on")
            }
        }
    }

    mutating func send(_ bytes: Span<UInt8>) throws(HTTPError) {
        guard api.encryption != nil else {
            output.append(bytes)
            return try flush()
        }
        do throws(TLSError) {
            try session?.send(bytes, through: &port, output: &output)
        } catch {
            throw HTTPError(text: words(error))
        }
        try flush()
    }

    /// Reads until the server closes, as it is asked to.
    mutating func receiveAll() throws(HTTPError) -> [UInt8] {
        while try receive() {
            guard content.count <= Self.contentMaximum else {
                throw HTTPError(text: "its answer is longer than 64 MB")
            }
        }
        return content.span.bytesArray
    }

    // MARK: bytes

    /// Waits for some bytes, and takes them. False when the server has closed.
    private mutating func receive() throws(HTTPError) -> Bool {
        while true {
            var result = ReceiveResult.wouldBlock
            let handle = descriptor.socket
            do throws(Errno) {
                // Safe: the region is the buffer's, and lent for the call.
                _ = try unsafe input.appendUnsafely(minimum: 65_536) { region throws(Errno) in
                    result = try unsafe handle.receive(into: region)
                    if case .bytes(let count) = result { return count }
                    return 0
                }
            } catch {
                throw HTTPError(text: "\(error)")
            }
            switch result {
            case .closed: return false
            case .wouldBlock: try wait(for: .read)
            case .bytes:
                if api.encryption != nil { return try decipher() }
                var bytes = ByteBuffer()
                swap(&bytes, &input)
                content.append(bytes.span)
                return true
            }
        }
    }

    /// Gives TLS what came, and sends what it answers. False when the server has said that nothing more comes.
    @discardableResult
    private mutating func decipher() throws(HTTPError) -> Bool {
        var state: TLSSessionState? = .closed
        var bytes = ByteBuffer()
        swap(&bytes, &input)
        do throws(TLSError) {
            state = try session?.receive(
                bytes.span, through: &port, into: &content, output: &output)
        } catch {
            // The alert that says why; there is no more to be done when it can't be sent.
            try? flush()
            throw HTTPError(text: words(error))
        }
        try flush()
        return state != .closed
    }

    private mutating func flush() throws(HTTPError) {
        while !output.isEmpty {
            let result: SendResult
            do throws(Errno) {
                result = try descriptor.socket.send(output.span)
            } catch {
                throw HTTPError(text: "\(error)")
            }
            switch result {
            case .sent(let count): output.removeFirst(count)
            case .wouldBlock: try wait(for: .write)
            }
        }
    }

    private mutating func wait(for interest: Interest) throws(HTTPError) {
        do throws(Errno) {
            try epoll.modify(descriptor.rawValue, interest: interest, userData: 0)
            try waitForEvent()
        } catch {
            throw HTTPError(text: "\(error)")
        }
    }

    private mutating func waitForEvent() throws(Errno) {
        guard try epoll.wait(into: &events, timeoutMilliseconds: Self.patience) > 0 else {
            throw Errno.timedOut
        }
    }

    /// What went wrong with TLS, and what to do.
    private func words(_ error: TLSError) -> String {
        switch error.reason {
        case .refusedCertificate(let reason) where reason.contains("mismatch"):
            "its certificate is not for \(api.encryption?.serverName ?? api.host) (\(reason)): name it as the certificate does"
        case .refusedCertificate(let reason):
            "its certificate is not trusted (\(reason)): name the PEM file of the authority that signed it (--api-ca FILE)"
        case .protocolViolation:
            "TLS can't be agreed on; does it speak http://? (\(error))"
        case .peerAlert, .unreadableFile, .malformedFile, .wrongPassword, .keyMismatch,
            .refusedSetting, .noUsableCipherSuite, .unprovenKeys, .ended, .library:
            "\(error)"
        }
    }
}
