import HTTPTypes
import Hummingbird
import Logging
import NIOConcurrencyHelpers

@testable import Admin

/// A receiver of webhooks on loopback, over real sockets.
final class WebhookReceiver: Sendable {
    struct Message: Sendable {
        let path: String
        let headers: HTTPFields
        let bytes: [UInt8]

        var json: JSON { JSON(parsing: bytes) ?? .null }
        var sequence: Int64 { json["sequence"]?.integer ?? -1 }

        func header(_ name: String) -> String? { HTTPField.Name(name).flatMap { headers[$0] } }
    }

    private let messages = NIOLockedValueBox<[Message]>([])

    /// What is answered, by what has come, this message among it.
    private let answer: @Sendable (Message, Int) async -> HTTPResponse.Status
    private let task = NIOLockedValueBox<Task<Void, any Error>?>(nil)
    let port: Int

    init(
        _ answer: @escaping @Sendable (Message, Int) async -> HTTPResponse.Status = { _, _ in
            .noContent
        }
    ) async throws {
        self.answer = answer
        let (ports, port) = AsyncStream.makeStream(of: Int.self)
        let router = Router()
        let messages = messages
        router.post("**") { request, context in
            let body = try await request.body.collect(upTo: 1 << 20)
            let message = Message(
                path: request.uri.path, headers: request.headers,
                bytes: Array(body.readableBytesView))
            let count = messages.withLockedValue { messages in
                messages.append(message)
                return messages.count { $0.path == message.path }
            }
            let status = await answer(message, count)
            var response = Response(status: status)
            if status.code == 302 { response.headers[.location] = "/elsewhere" }
            if status.code == 429 { response.headers[.retryAfter] = "600" }
            if status.code == 503 {
                response.headers[.retryAfter] = "Fri, 31 Dec 2100 23:59:59 GMT"
            }
            return response
        }
        let application = Application(
            router: router, configuration: .init(address: .hostname("127.0.0.1", port: 0)),
            onServerRunning: { port.yield($0.localAddress?.port ?? 0) },
            logger: Logger(label: "receiver") { _ in SwiftLogNoOpLogHandler() })
        task.withLockedValue { $0 = Task(priority: .userInitiated) { try await application.run() } }
        var found = 0
        for await one in ports {
            found = one
            break
        }
        self.port = found
    }

    deinit { task.withLockedValue { $0?.cancel() } }

    func url(_ path: String) -> String { "http://127.0.0.1:\(port)\(path)" }

    func received(_ path: String) -> [Message] {
        messages.withLockedValue { $0.filter { $0.path == path } }
    }
}
