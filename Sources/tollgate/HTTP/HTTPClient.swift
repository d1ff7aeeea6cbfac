/// Asks a server, with libcurl (`CurlLibrary`): HTTP/1.1, plain or over TLS, without redirects, proxies or passwords of
/// its own. The verbs speak to the admin port, which is plain HTTP on the loopback or behind a proxy unless it has a
/// certificate.
///
/// Each request is made by a thread of its own, which waits while what has come was not taken.
struct HTTPClient: Sendable {
    struct Answer {
        var status = 0
        var bytes: [UInt8] = []
    }

    enum Method: String {
        case get = "GET"
        case post = "POST"
        case put = "PUT"
        case patch = "PATCH"
        case delete = "DELETE"
    }

    let server: HTTPServer

    /// Of an answer that is kept whole, in bytes.
    private static let answerMaximum = 1 << 28

    /// - Parameters: those of `HTTPServer`.
    init(url: String, authorityFile: String?) throws(Failure) {
        server = try HTTPServer(url: url, authorityFile: authorityFile)
    }

    /// Sends a request, and waits for the whole answer.
    ///
    /// - Parameter mayRepeat: whether no harm is done when it comes twice; then a connection that was used before is
    ///   used again.
    func send(
        _ method: Method,
        _ path: String,
        headers: [(String, String)] = [],
        body: [UInt8]? = nil,
        timeout: Duration = .seconds(60),
        mayRepeat: Bool = false
    ) async throws(Failure) -> Answer {
        let request = try TransferRequest(
            method, path, at: server, headers: headers,
            body: body.map { .bytes($0) } ?? .none, patience: .whole(timeout),
            mayRepeat: mayRepeat || method == .get)
        var answer = Answer()
        try await perform(request) { part throws(Failure) in try Self.keep(part, in: &answer) }
        return answer
    }

    /// Keeps a part of an answer with those that came before.
    static func keep(_ part: AnswerPart, in answer: inout Answer) throws(Failure) {
        switch part {
        case .head(let head): answer.status = head.status
        case .body(let piece):
            guard answer.bytes.count + piece.count <= answerMaximum else {
                throw Failure(text: "the answer has more than \(answerMaximum) bytes")
            }
            answer.bytes += piece
        }
    }

    /// Makes a request, and hands each part of the answer on as it comes, to its end. When it returns, also by an
    /// error, nothing of the request is left.
    func perform(
        _ request: TransferRequest, _ take: (AnswerPart) throws(Failure) -> Void
    ) async throws(Failure) {
        let exchange = try Exchange()
        try TransferThread.begin(request, exchange)
        // It rethrows what is no `Failure` for the compiler.
        let failure: Failure? = await withTaskCancellationHandler {
            do throws(Failure) {
                while let part = try await exchange.next() { try take(part) }
                return nil
            } catch {
                return error
            }
        } onCancel: {
            exchange.giveUp()
        }
        await exchange.close()
        if let failure { throw failure }
    }
}
