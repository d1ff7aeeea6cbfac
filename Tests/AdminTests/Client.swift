import Foundation
import Gateway
import HTTPTypes
import Hummingbird
import Ledger
import Logging
import NIOConcurrencyHelpers
import NIOCore
import NIOEmbedded
import Time

@testable import Admin

/// Sends requests through the router, without a socket; owns the books it works on.
final class Client: Sendable {
    struct Answer: Sendable {
        let status: Int
        let headers: HTTPFields
        let bytes: [UInt8]

        var text: String { String(decoding: bytes, as: UTF8.self) }

        var json: JSON { JSON(parsing: bytes) ?? .null }

        var reason: String? { json["reason"]?.text }
    }

    let controlPlane: StandInControlPlane
    let directory: String
    /// By which requests are counted against their rate; it stands, however slow the machine is.
    let clock = NIOLockedValueBox(ContinuousClock.now)
    private let responder: any HTTPResponder<AdminContext>

    static let ownerToken = OwnerToken(text: "owner-token-for-tests")
    static let mintKey = MintKey(text: "mint-key-for-tests")

    /// Free codes are given where a test asks for them.
    /// - Parameter configure: changes what the server is told. Requests come as fast as tests want,
    ///   and no codes are free, unless it says otherwise.
    init(
        freeCodes: GatewayConfiguration.FreeCodes.Policy = .none,
        mintKey: MintKey = Client.mintKey,
        _ configure: (inout GatewayConfiguration) -> Void = { _ in }
    ) throws {
        directory = NSTemporaryDirectory() + "tollgate-admin-\(UUID().uuidString)"
        controlPlane = try StandInControlPlane(directory: directory)
        var configuration = GatewayConfiguration()
        configuration.admin.requestSizeBytes = 1 << 20
        configuration.data = directory
        configuration.admin.requestsPerSecond = 1_000_000
        configuration.activation.freeCodes.policy = freeCodes
        configuration.activation.secretLengthMinimum = 1
        configure(&configuration)
        let server = AdminServer(
            configuration: configuration,
            controlPlane: controlPlane,
            ownerToken: Self.ownerToken,
            mintKey: mintKey,
            build: Build(version: "1.2.3", revision: "abc"),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() },
            now: { [clock] in clock.withLockedValue { $0 } }
        )
        responder = server.router(withConsole: configuration.admin.console).buildResponder()
    }

    deinit {
        controlPlane.ledger.shutdown()
        try? FileManager.default.removeItem(atPath: directory)
    }

    func send(
        _ method: HTTPRequest.Method,
        _ path: String,
        _ body: [UInt8]? = nil,
        type: String = "application/json",
        token: String? = Client.ownerToken.text,
        headers: [String: String] = [:],
        from address: String? = nil
    ) async throws -> Answer {
        var fields = HTTPFields()
        // A stream's end is found on a connection, which there is none of here.
        fields[.accept] = "application/json"
        // Answers to the same request are the same.
        fields[RequestTrail.header] = "request-1"
        if let token { fields[.authorization] = "Bearer \(token)" }
        if body != nil { fields[.contentType] = type }
        for (name, value) in headers {
            if let name = HTTPField.Name(name) { fields[name] = value }
        }
        return try await exchange(
            method, path, fields, RequestBody(buffer: ByteBuffer(bytes: body ?? [])), address)
    }

    /// Sends a request whose body comes in pieces, with whatever the test does between them.
    func upload(
        _ path: String,
        headers: [String: String] = [:],
        _ pieces: AsyncThrowingStream<ByteBuffer, any Error>
    ) async throws -> Answer {
        var fields = HTTPFields()
        fields[.authorization] = "Bearer \(Client.ownerToken.text)"
        fields[.contentType] = "text/csv"
        for (name, value) in headers {
            if let name = HTTPField.Name(name) { fields[name] = value }
        }
        return try await exchange(.post, path, fields, RequestBody(asyncSequence: pieces))
    }

    private func exchange(
        _ method: HTTPRequest.Method,
        _ path: String,
        _ fields: HTTPFields,
        _ body: RequestBody,
        _ address: String? = nil
    ) async throws -> Answer {
        let request = Request(
            head: HTTPRequest(
                method: method, scheme: "http", authority: "test", path: path,
                headerFields: fields),
            body: body
        )
        let channel = EmbeddedChannel()
        channel.remoteAddress = try address.map { try SocketAddress(ipAddress: $0, port: 1) }
        let source = ApplicationRequestContextSource(
            channel: channel,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        )
        let response = try await responder.respond(
            to: request, context: AdminContext(source: source))
        let sink = Sink()
        try await response.body.write(sink)
        let answer = Answer(
            status: response.status.code,
            headers: response.headers,
            bytes: Array(sink.bytes.withLockedValue { $0 })
        )
        try Self.hold(answer, method, path)
        return answer
    }

    func get(_ path: String, token: String? = Client.ownerToken.text) async throws -> Answer {
        try await send(.get, path, token: token)
    }

    func post(_ path: String, _ json: JSON, key: String? = nil) async throws -> Answer {
        let headers = key.map { ["Idempotency-Key": $0] } ?? [:]
        return try await send(.post, path, json.bytes, headers: headers)
    }

    func csv(_ path: String, _ text: String) async throws -> Answer {
        try await send(.post, path, Array(text.utf8), type: "text/csv")
    }
}

/// Collects a response's body.
private struct Sink: ResponseBodyWriter {
    let bytes = NIOLockedValueBox<[UInt8]>([])

    mutating func write(_ buffer: ByteBuffer) async throws {
        bytes.withLockedValue { $0.append(contentsOf: buffer.readableBytesView) }
    }

    consuming func finish(_ trailingHeaders: HTTPFields?) async throws {}
}

extension Client {
    /// An account "acme", a package "basic" (30 days, 1,500 messages), `codes` of it bought, a
    /// product "lamp" with as many of them as `assigned`.
    func furnish(codes: Int64 = 10, assigned: Int64 = 5) async throws {
        _ = try await post("/v1/accounts", ["id": "acme", "name": "Acme", "kind": "enterprise"])
        _ = try await post(
            "/v1/packages",
            ["id": "basic", "name": "Basic", "validityDays": 30, "messagesPerDay": 1_500]
        )
        _ = try await post(
            "/v1/accounts/acme/purchases",
            ["package": "basic", "quantity": .integer(codes)]
        )
        _ = try await post("/v1/products", ["pk": "lamp", "name": "Lamp", "account": "acme"])
        if assigned > 0 {
            _ = try await post(
                "/v1/accounts/acme/assignments",
                ["product": "lamp", "quantity": .integer(assigned), "package": "basic"]
            )
        }
    }
}
