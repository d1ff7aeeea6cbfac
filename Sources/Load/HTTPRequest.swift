internal import Bytes
internal import Linux

/// One request to an HTTP API (RFC 9112), without TLS: sent whole, and the answer waited for.
struct HTTPRequest {
    let path: String
    let host: String
    let token: String
    let type: String
    let body: [UInt8]

    /// How long neither side may keep silent, in milliseconds.
    private static let patience: Int32 = 120_000
    private static let answerMaximum = 64 << 20

    func send(to address: SocketAddress) throws(HTTPError) -> HTTPAnswer {
        do throws(Errno) {
            let socket = try SocketHandle.connect(to: address)
            let epoll = try Epoll()
            var events = EventBuffer(capacity: 1)
            try epoll.add(socket.rawValue, interest: [.write], userData: 0)
            guard try epoll.wait(into: &events, timeoutMilliseconds: Self.patience) > 0 else {
                throw Errno.timedOut
            }
            if let code = try socket.socket.pendingError() { throw code }
            var output = ByteBuffer()
            output.append(utf8: head)
            output.append(body.span)
            while !output.isEmpty {
                switch try socket.socket.send(output.span) {
                case .sent(let count): output.removeFirst(count)
                case .wouldBlock:
                    guard try epoll.wait(into: &events, timeoutMilliseconds: Self.patience) > 0
                    else { throw Errno.timedOut }
                }
            }
            try epoll.modify(socket.rawValue, interest: [.read], userData: 0)
            return try Self.answer(of: socket.socket, epoll, &events)
        } catch {
            throw HTTPError(text: "\(error)")
        }
    }

    private var head: String {
        """
        POST \(path) HTTP/1.1\r
        Host: \(host)\r
        Authorization: Bearer \(token)\r
        Content-Type: \(type)\r
        Content-Length: \(body.count)\r
        Connection: close\r
        \r

        """
    }

    /// Reads until the server closes, as it is asked to.
    private static func answer(
        of socket: SocketHandle,
        _ epoll: borrowing Epoll,
        _ events: inout EventBuffer
    ) throws(Errno) -> HTTPAnswer {
        var input = ByteBuffer()
        while true {
            var result = ReceiveResult.wouldBlock
            // Safe: the region is the buffer's, and lent for the call.
            _ = try unsafe input.appendUnsafely(minimum: 65_536) { region throws(Errno) in
                result = try unsafe socket.receive(into: region)
                if case .bytes(let count) = result { return count }
                return 0
            }
            guard input.count <= answerMaximum else { throw Errno.fileTooLarge }
            switch result {
            case .bytes: break
            case .closed: return HTTPAnswer(input.span.bytesArray)
            case .wouldBlock:
                guard try epoll.wait(into: &events, timeoutMilliseconds: patience) > 0 else {
                    throw Errno.timedOut
                }
            }
        }
    }
}

/// What came back. A body that is chunked is left so: it is only shown.
struct HTTPAnswer {
    /// 0 when it was no answer of HTTP.
    let status: Int
    let body: [UInt8]

    init(_ bytes: [UInt8]) {
        let line = bytes.prefix { $0 != 13 }.split(separator: 32)
        status =
            line.count >= 2 && line[0].starts(with: "HTTP/1.".utf8)
            ? Int(String(decoding: line[1], as: UTF8.self)) ?? 0 : 0
        let end = bytes.firstRange(of: Array("\r\n\r\n".utf8))
        body = end.map { Array(bytes[$0.upperBound...]) } ?? []
    }
}

struct HTTPError: Error {
    let text: String
}
