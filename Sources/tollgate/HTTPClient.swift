import NIOCore
import NIOHTTP1
import NIOPosix

/// One HTTP/1.1 request on a connection of its own. The verbs speak to the admin port, which is plain
/// HTTP on loopback or behind a proxy.
struct HTTPClient {
    struct Answer {
        let status: Int
        let bytes: [UInt8]
    }

    /// The methods of the API.
    enum Method: String {
        case get = "GET"
        case post = "POST"
        case put = "PUT"
        case patch = "PATCH"
        case delete = "DELETE"
    }

    let host: String
    let port: Int

    /// Of one answer, in bytes.
    private static let answerMaximum = 1 << 28

    /// - Parameter url: `http://HOST[:PORT]`, without a path.
    init(url: String) throws(Failure) {
        let prefix = "http://"
        guard url.hasPrefix(prefix) else {
            throw Failure(text: "\(url): must be http://HOST:PORT", code: 2)
        }
        var rest = url.dropFirst(prefix.count)
        if rest.last == "/" { rest.removeLast() }
        var host = rest
        var port = 80
        if let colon = rest.lastIndex(of: ":"), rest.last != "]" {
            host = rest[..<colon]
            guard let number = Int(rest[rest.index(after: colon)...]), (1...65_535).contains(number)
            else { throw Failure(text: "\(url): must be http://HOST:PORT", code: 2) }
            port = number
        }
        if host.first == "[", host.last == "]" { host = host.dropFirst().dropLast() }
        guard !host.isEmpty, !host.contains("/") else {
            throw Failure(text: "\(url): must be http://HOST:PORT", code: 2)
        }
        self.host = String(host)
        self.port = port
    }

    func send(
        _ method: Method,
        _ path: String,
        headers: [(String, String)] = [],
        body: [UInt8]? = nil,
        timeout: Duration = .seconds(60)
    ) async throws(Failure) -> Answer {
        do {
            return try await withThrowingTaskGroup(of: Answer?.self) { group in
                group.addTask { try await exchange(method, path, headers, body) }
                group.addTask {
                    try await Task.sleep(for: timeout)
                    return nil
                }
                defer { group.cancelAll() }
                guard let answer = try await group.next() ?? nil else {
                    throw Failure(text: "http://\(host):\(port): no answer within \(timeout)")
                }
                return answer
            }
        } catch let failure as Failure {
            throw failure
        } catch {
            throw Failure(text: "http://\(host):\(port): \(Self.text(of: error))")
        }
    }

    /// An error of NIO in few words.
    static func text(of error: any Error) -> String {
        if let error = error as? NIOConnectionError, let first = error.connectionErrors.first {
            return "\(first.error)"
        }
        return "\(error)"
    }

    func connect() async throws -> NIOAsyncChannel<HTTPClientResponsePart, HTTPClientRequestPart> {
        try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .connectTimeout(.seconds(5))
            .connect(host: host, port: port) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHTTPClientHandlers()
                    return try NIOAsyncChannel<HTTPClientResponsePart, HTTPClientRequestPart>(
                        wrappingChannelSynchronously: channel
                    )
                }
            }
    }

    private func exchange(
        _ method: Method,
        _ path: String,
        _ headers: [(String, String)],
        _ body: [UInt8]?
    ) async throws -> Answer {
        let channel = try await connect()
        var fields = HTTPHeaders(headers)
        fields.add(name: "Host", value: "\(host):\(port)")
        // We close: NIO reports an error when the server closes first.
        if let body { fields.add(name: "Content-Length", value: String(body.count)) }
        let head = HTTPRequestHead(
            version: .http1_1,
            method: HTTPMethod(rawValue: method.rawValue),
            uri: path,
            headers: fields
        )
        return try await channel.executeThenClose { inbound, outbound in
            try await outbound.write(.head(head))
            if let body { try await outbound.write(.body(.byteBuffer(ByteBuffer(bytes: body)))) }
            try await outbound.write(.end(nil))
            var status = 0
            var bytes: [UInt8] = []
            for try await part in inbound {
                switch part {
                case .head(let head): status = Int(head.status.code)
                case .body(let buffer):
                    bytes.append(contentsOf: buffer.readableBytesView)
                    guard bytes.count <= Self.answerMaximum else {
                        throw Failure(text: "the answer has more than \(Self.answerMaximum) bytes")
                    }
                case .end: return Answer(status: status, bytes: bytes)
                }
            }
            throw Failure(text: "http://\(host):\(port): the connection ended within the answer")
        }
    }
}
