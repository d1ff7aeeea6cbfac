import Admin
import FoundationEssentials
import NIOCore
import NIOHTTP1
import NIOPosix
import TLS

/// One HTTP/1.1 request on a connection of its own, plain or over TLS. The verbs speak to the admin port, which is
/// plain HTTP on the loopback or behind a proxy unless it has a certificate.
struct HTTPClient {
    struct Answer {
        let status: Int
        let bytes: [UInt8]
    }

    enum Method: String {
        case get = "GET"
        case post = "POST"
        case put = "PUT"
        case patch = "PATCH"
        case delete = "DELETE"
    }

    let host: String
    let port: Int

    /// What the server's certificate is verified with; `nil` for plain HTTP.
    private let encryption: TLSContext?

    private var base: String { "\(encryption == nil ? "http" : "https")://\(host):\(port)" }

    /// Of one answer, in bytes.
    private static let answerMaximum = 1 << 28

    /// - Parameters:
    ///   - url: `http://HOST[:PORT]` or `https://HOST[:PORT]`, without a path.
    ///   - authorityFile: PEM file of the authorities that a server's certificate must come from; `nil`: TOLLGATE_CA,
    ///     or those that the system trusts.
    init(url: String, authorityFile: String?) throws(Failure) {
        let failure = Failure(
            text: "\(url): must be http://HOST:PORT or https://HOST:PORT", code: 2)
        let isEncrypted = url.hasPrefix("https://")
        let prefix = isEncrypted ? "https://" : "http://"
        guard url.hasPrefix(prefix) else { throw failure }
        encryption = isEncrypted ? try Self.encryption(authorityFile) : nil
        var rest = url.dropFirst(prefix.count)
        if rest.last == "/" { rest.removeLast() }
        var host = rest
        var port = isEncrypted ? 443 : 80
        if let colon = rest.lastIndex(of: ":"), rest.last != "]" {
            host = rest[..<colon]
            guard let number = Int(rest[rest.index(after: colon)...]), (1...65_535).contains(number)
            else { throw failure }
            port = number
        }
        if host.first == "[", host.last == "]" { host = host.dropFirst().dropLast() }
        guard !host.isEmpty, !host.contains("/") else { throw failure }
        self.host = String(host)
        self.port = port
    }

    private static func encryption(_ authorityFile: String?) throws(Failure) -> TLSContext {
        let file = try TrustedAuthorities.required(named: authorityFile)
        return try orFail {
            try TLSContext(
                connecting: TLSClientConfiguration(
                    authorityFile: file, applicationProtocols: ["http/1.1"]))
        }
    }

    func send(
        _ method: Method,
        _ path: String,
        headers: [(String, String)] = [],
        body: [UInt8]? = nil,
        timeout: Duration = .seconds(60)
    ) async throws(Failure) -> Answer {
        try await naming {
            try await within(timeout, orElse: "\(base): no answer within \(timeout)") {
                try await exchange(method, path, headers, body)
            }
        }
    }

    /// Runs `body`; an error of NIO becomes a failure that names the server.
    func naming<Value>(_ body: () async throws -> Value) async throws(Failure) -> Value {
        do {
            return try await body()
        } catch let failure as Failure {
            throw failure
        } catch {
            throw Failure(text: Connecting.text(of: error, host: host, port: port, base: base))
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
        let (encryption, host) = (encryption, host)
        return try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .connectTimeout(.seconds(5))
            .connect(host: host, port: port) { channel in
                channel.eventLoop.makeCompletedFuture {
                    if let encryption {
                        try channel.pipeline.syncOperations.addHandler(
                            TLSHandler(connecting: encryption, serverName: host))
                    }
                    try channel.pipeline.syncOperations.addHTTPClientHandlers()
                    return try NIOAsyncChannel<HTTPClientResponsePart, HTTPClientRequestPart>(
                        wrappingChannelSynchronously: channel
                    )
                }
            }
    }

    func head(
        _ method: HTTPMethod,
        _ path: String,
        _ headers: [(String, String)]
    ) -> HTTPRequestHead {
        let headers = HTTPHeaders(headers + [("Host", "\(host):\(port)")])
        return HTTPRequestHead(version: .http1_1, method: method, uri: path, headers: headers)
    }

    private func exchange(
        _ method: Method,
        _ path: String,
        _ headers: [(String, String)],
        _ body: [UInt8]?
    ) async throws -> Answer {
        let channel = try await connect()
        var head = head(HTTPMethod(rawValue: method.rawValue), path, headers)
        // We close: NIO reports an error when the server closes first.
        if let body { head.headers.add(name: "Content-Length", value: String(body.count)) }
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
            throw Failure(
                text:
                    "\(base): the connection ended within the answer: is this the API of a gateway?"
            )
        }
    }
}

/// What `body` answers; a failure when that takes longer than `timeout`.
func within<Value: Sendable>(
    _ timeout: Duration,
    orElse text: String,
    _ body: @escaping @Sendable () async throws -> Value
) async throws -> Value {
    try await withThrowingTaskGroup(of: Value?.self) { group in
        group.addTask { try await body() }
        group.addTask {
            try await Task.sleep(for: timeout)
            return nil
        }
        defer { group.cancelAll() }
        guard let value = try await group.next() ?? nil else { throw Failure(text: text) }
        return value
    }
}
