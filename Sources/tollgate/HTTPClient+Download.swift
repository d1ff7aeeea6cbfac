import NIOCore
import NIOHTTP1
import Synchronization

extension HTTPClient {
    /// What came with a download: its headers, or the bytes of any other answer.
    struct Download {
        let status: Int
        let headers: HTTPHeaders
        let bytes: [UInt8]

        /// A header that has to be there.
        func header(_ name: String) throws(Failure) -> String {
            guard let value = headers.first(name: name) else {
                throw Failure(text: "the answer has no \(name): the peer is another version")
            }
            return value
        }
    }

    /// Gets a body of any size, and hands each piece on as it comes, with how much it is in all. Any other answer than
    /// 200 is returned with its bytes.
    func download(
        _ path: String,
        headers: [(String, String)],
        _ take: (_ piece: [UInt8], _ total: Int?) throws(Failure) -> Void
    ) async throws(Failure) -> Download {
        try await naming {
            let head = head(.GET, path, headers)
            let channel = try await connect()
            let raw = channel.channel
            let heard = Heard()
            return try await channel.executeThenClose { inbound, outbound in
                try await outbound.write(contentsOf: [.head(head), .end(nil)])
                return try await withThrowingTaskGroup(of: Void.self) { group in
                    defer { group.cancelAll() }
                    group.addTask {
                        while heard.at.withLock({ $0 }).duration(to: .now) < Self.patience {
                            try await Task.sleep(for: .seconds(1))
                        }
                        // The reader gets the end of the stream.
                        raw.close(promise: nil)
                    }
                    var answer: HTTPResponseHead?
                    var bytes: [UInt8] = []
                    for try await part in inbound {
                        heard.at.withLock { $0 = .now }
                        switch part {
                        case .head(let head): answer = head
                        case .body(let buffer) where answer?.status == .ok:
                            let total = answer?.headers.first(name: "Content-Length")
                            try take(Array(buffer.readableBytesView), total.flatMap { Int($0) })
                        case .body(let buffer): bytes += buffer.readableBytesView
                        case .end:
                            let status = Int(answer?.status.code ?? 0)
                            return Download(
                                status: status, headers: answer?.headers ?? [:], bytes: bytes)
                        }
                    }
                    throw Failure(text: "the connection was lost within the answer")
                }
            }
        }
    }
}
