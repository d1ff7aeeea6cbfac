import NIOCore
import NIOHTTP1
import NIOPosix

extension HTTPClient {
    /// How long neither side may keep silent.
    private static let patience = Duration.seconds(120)

    /// Sends a body as it is read, and hands a good answer's body on as it comes; the bytes of any
    /// other are in the answer. An early answer ends the sending.
    func upload(
        _ source: UploadSource,
        to path: String,
        headers: [(String, String)],
        progress: UploadProgress,
        receive: @escaping @Sendable ([UInt8]) -> Void
    ) async throws(Failure) -> Answer {
        var fields = HTTPHeaders(headers)
        fields.add(name: "Host", value: "\(host):\(port)")
        if let count = source.count {
            fields.add(name: "Content-Length", value: String(count))
        } else {
            fields.add(name: "Transfer-Encoding", value: "chunked")
        }
        let head = HTTPRequestHead(
            version: .http1_1, method: .POST, uri: path, headers: fields)
        do {
            return try await connect().executeThenClose { inbound, outbound in
                try await withThrowingTaskGroup(of: Answer?.self) { group in
                    group.addTask {
                        try await Self.send(head, source, progress, to: outbound)
                        return nil
                    }
                    group.addTask {
                        try await Self.receive(inbound, progress, receive)
                    }
                    group.addTask {
                        try await Self.watch(progress)
                        return nil
                    }
                    defer { group.cancelAll() }
                    return try await Self.answer(of: &group)
                }
            }
        } catch let failure as Failure {
            throw failure
        } catch {
            throw Failure(text: "http://\(host):\(port): \(Self.text(of: error))")
        }
    }

    /// The answer, also when sending failed because the server had heard enough; else the failure
    /// that came first.
    private static func answer(
        of group: inout ThrowingTaskGroup<Answer?, any Error>
    ) async throws -> Answer {
        var failure: (any Error)?
        while true {
            do {
                guard let result = try await group.next() else { break }
                if let answer = result { return answer }
            } catch {
                if failure != nil || error is Failure { throw failure ?? error }
                failure = error
            }
        }
        throw failure ?? Failure(text: "no answer")
    }

    private static func send(
        _ head: HTTPRequestHead,
        _ source: UploadSource,
        _ progress: UploadProgress,
        to outbound: NIOAsyncChannelOutboundWriter<HTTPClientRequestPart>
    ) async throws {
        try await outbound.write(.head(head))
        var left = source.count ?? .max
        while left > 0, let piece = try source.next() {
            let part = Array(piece.prefix(left))
            left -= part.count
            try await outbound.write(.body(.byteBuffer(ByteBuffer(bytes: part))))
            progress.didSend(part)
        }
        if Task.isCancelled { return }
        guard source.count == nil || left == 0 else {
            throw Failure(text: "the file became shorter while it was read; nothing was imported")
        }
        try await outbound.write(.end(nil))
        progress.didSendAll()
    }

    /// Throws a `Failure` as soon as it is certain that no answer will come.
    private static func receive(
        _ inbound: NIOAsyncChannelInboundStream<HTTPClientResponsePart>,
        _ progress: UploadProgress,
        _ receive: ([UInt8]) -> Void
    ) async throws(Failure) -> Answer {
        var status = 0
        var bytes: [UInt8] = []
        do {
            for try await part in inbound {
                progress.didReceive()
                switch part {
                case .head(let head) where head.status.code >= 200: status = Int(head.status.code)
                case .head: break
                case .body(let buffer):
                    let piece = Array(buffer.readableBytesView)
                    if (200...299).contains(status) { receive(piece) } else { bytes += piece }
                case .end: return Answer(status: status, bytes: bytes)
                }
            }
        } catch {
            throw Failure(
                text: "the connection ended before the answer did: \(Self.text(of: error))")
        }
        throw Failure(text: "the connection ended before the answer did")
    }

    /// Shows the progress; throws when nothing moves any more.
    private static func watch(_ progress: UploadProgress) async throws {
        while !Task.isCancelled {
            try await Task.sleep(for: .milliseconds(200))
            progress.show()
            if progress.silence > patience {
                throw Failure(text: "nothing has moved for \(patience); gave up waiting")
            }
        }
    }
}
