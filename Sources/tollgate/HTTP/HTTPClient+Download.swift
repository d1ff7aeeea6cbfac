extension HTTPClient {
    /// What came with a download: its head, or all of any other answer.
    struct Download {
        var head = AnswerHead()
        var answer = Answer()

        var status: Int { answer.status }
        var bytes: [UInt8] { answer.bytes }

        /// A header that has to be there.
        func header(_ name: String) throws(Failure) -> String {
            guard let value = head.header(name) else {
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
        var download = Download()
        try await get(path, headers: headers, patience: Self.patience) { part throws(Failure) in
            switch part {
            case .body(let piece) where download.answer.status == 200:
                try take(piece, download.head.header("Content-Length").flatMap { Int($0) })
            case .head(let head):
                download.head = head
                try Self.keep(part, in: &download.answer)
            case .body: try Self.keep(part, in: &download.answer)
            }
        }
        return download
    }
}
