import NIOCore
import NIOHTTP1

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
        var status = 0
        var answered = HTTPHeaders()
        var bytes: [UInt8] = []
        try await get(path, headers: headers, patience: Self.patience) { part throws(Failure) in
            switch part {
            case .head(let head):
                status = Int(head.status.code)
                answered = head.headers
            case .body(let buffer) where status == 200:
                let total = answered.first(name: "Content-Length").flatMap { Int($0) }
                try take(Array(buffer.readableBytesView), total)
            case .body(let buffer): bytes += buffer.readableBytesView
            case .end: break
            }
        }
        return Download(status: status, headers: answered, bytes: bytes)
    }
}
