import Admin
import FoundationEssentials

/// Asks a gateway over its API, and shows what it answers.
struct APIClient: Sendable {
    /// What was named on the command line; `nil`: the environment or the data directory says it.
    let api: String?
    let authorityFile: String?
    let tokenFile: String?
    let data: String
    let idempotencyKey: String?
    let form: OutputForm
    let isWide: Bool

    static let usualData = "data"

    static func hasToken(in data: String) -> Bool {
        FileManager.default.fileExists(atPath: "\(data)/\(OwnerToken.linkName)")
    }

    private static func environment(_ name: String) -> String? {
        let value = ProcessInfo.processInfo.environment[name]
        return value == "" ? nil : value
    }

    /// From the command line, else the environment, else what the gateway has written beside its token.
    var url: String {
        named ?? APIAddress.written(in: data) ?? "http://127.0.0.1:8080"
    }

    /// By a person.
    private var named: String? { api ?? Self.environment("TOLLGATE_API") }

    /// What the gateway has written is an address of this machine, whichever it is.
    private var client: HTTPClient {
        get throws(Failure) {
            let client = try HTTPClient(url: url, authorityFile: authorityFile)
            if named != nil { try client.server.requirePrivacy() }
            return client
        }
    }

    /// From the file that was named, else from the environment, else from the data directory.
    private var token: String {
        get throws(Failure) {
            if tokenFile == nil, let token = Self.environment("TOLLGATE_TOKEN") { return token }
            let path = tokenFile ?? "\(data)/\(OwnerToken.linkName)"
            guard let token = TokenFile.read(path) else {
                throw Failure(
                    text:
                        "\(path): can't be read; say --data DIR or --token-file FILE, or set TOLLGATE_TOKEN",
                    code: 2
                )
            }
            return token
        }
    }

    /// Sends a request; a problem document becomes a failure.
    ///
    /// - Parameter mayRepeat: whether no harm is done when it comes twice, as with an idempotency key.
    func send(
        _ method: HTTPClient.Method,
        _ path: String,
        type: String = "application/json",
        body: [UInt8]? = nil,
        mayRepeat: Bool = false
    ) async throws(Failure) -> [UInt8] {
        var headers = [("Authorization", "Bearer \(try token)")]
        if body != nil { headers.append(("Content-Type", type)) }
        if method != .get, let idempotencyKey {
            headers.append(("Idempotency-Key", idempotencyKey))
        }
        let answer = try await client.send(
            method, "/v1/\(path)", headers: headers, body: body,
            mayRepeat: mayRepeat || idempotencyKey != nil)
        try Self.check(answer)
        return answer.bytes
    }

    /// Hands on the events behind `last` as they come, and keeps `last` up with them. Returns what
    /// ended the stream: a loss of the connection, of whatever kind; throws when the gateway refuses.
    func follow(
        behind last: inout UInt64?,
        _ take: (ServerSentEvent) throws(Failure) -> Void
    ) async throws(Failure) -> Failure {
        var headers = [("Authorization", "Bearer \(try token)"), ("Accept", "text/event-stream")]
        if let last { headers.append(("Last-Event-ID", String(last))) }
        let answer: HTTPClient.Answer
        var unwritten: Failure?
        do throws(Failure) {
            answer = try await client.follow("/v1/events", headers: headers) {
                event throws(Failure) in
                if !event.data.isEmpty {
                    do throws(Failure) {
                        try take(event)
                    } catch {
                        unwritten = error
                        throw error
                    }
                }
                if let id = event.id.flatMap({ UInt64($0) }) { last = id }
            }
        } catch {
            if let unwritten { throw unwritten }
            return error
        }
        // Too many streams, or a gateway that is just starting: that passes.
        guard answer.status != 429, answer.status != 503 else {
            return Failure(text: "HTTP status \(answer.status)")
        }
        try Self.check(answer)
        return Failure(text: "the gateway has ended the stream")
    }

    /// Hands on the events of a stream as they come, until the gateway ends it; throws when it refuses, or the
    /// connection is lost.
    func follow(_ path: String, _ take: (ServerSentEvent) throws(Failure) -> Void)
        async throws(Failure)
    {
        let headers = [("Authorization", "Bearer \(try token)"), ("Accept", "text/event-stream")]
        try Self.check(
            try await client.follow("/v1/\(path)", headers: headers) { event throws(Failure) in
                if !event.data.isEmpty { try take(event) }
            }
        )
    }

    /// Sends a file as it is read; the answer's body goes to standard output as it comes.
    func upload(_ path: String, from source: UploadSource, type: String) async throws(Failure) {
        var headers = [("Authorization", "Bearer \(try token)"), ("Content-Type", type)]
        if let idempotencyKey { headers.append(("Idempotency-Key", idempotencyKey)) }
        let progress = UploadProgress(total: source.count)
        do throws(Failure) {
            let answer = try await client.upload(
                source, to: "/v1/\(path)", headers: headers, progress: progress
            ) { piece throws(Failure) in
                // It is answered when it is made.
                try Self.afterChange { () throws(Failure) in try Output.raw(piece) }
            }
            try Self.check(answer)
            progress.end()
        } catch {
            progress.clear()
            throw error
        }
    }

    /// What needs no token.
    func open(_ path: String) async throws(Failure) -> [UInt8] {
        let answer = try await client.send(.get, path)
        try Self.check(answer)
        return answer.bytes
    }

    /// What was refused, why, and what can be done about it.
    private static func check(_ answer: HTTPClient.Answer) throws(Failure) {
        guard !(200...299).contains(answer.status) else { return }
        let problem = JSON(parsing: answer.bytes)
        let reason = problem?["reason"]?.text ?? "HTTP status \(answer.status)"
        let detail = problem?["detail"]?.text.map { ": \($0)" } ?? ""
        let remedy = problem?["remedy"]?.text.map { "\n  \($0)" } ?? ""
        let hint =
            answer.status == 401
            ? "\n  Name the data directory of this gateway (--data DIR), or another token (--token-file FILE)."
            : remedy
        throw Failure(
            text: reason + detail + otherFaults(problem) + hint, reason: problem?["reason"]?.text)
    }

    /// What else is wrong with the body, a line each, the first ten.
    private static func otherFaults(_ problem: JSON?) -> String {
        let others = (problem?["errors"]?.array ?? []).dropFirst()
        let lines = others.prefix(10).map { fault in
            let place =
                fault["line"]?.integer.map { "line \($0)" } ?? fault["pointer"]?.text ?? ""
            return "\n  \(place): \(fault["detail"]?.text ?? "")"
        }
        let more = others.count - lines.count
        return lines.joined() + (more > 0 ? "\n  and \(more) more" : "")
    }

    /// What `method` is answered at that path, read.
    func document(
        _ method: HTTPClient.Method,
        _ path: String,
        _ body: JSON? = nil
    ) async throws(Failure) -> JSON {
        guard let document = JSON(parsing: try await send(method, path, body: body?.bytes)) else {
            throw Failure(text: "the answer is not JSON: is this the API of a gateway?")
        }
        return document
    }

    /// Sends a request and shows the document that comes back.
    func show(_ method: HTTPClient.Method, _ path: String, _ body: JSON? = nil)
        async throws(Failure)
    {
        let bytes = try await send(method, path, body: body?.bytes)
        guard !bytes.isEmpty else { return }
        let show = { () throws(Failure) in
            switch form {
            case .json, .ndjson: try Output.json(bytes)
            case .table, .csv:
                guard let document = JSON(parsing: bytes) else { return try Output.json(bytes) }
                try form == .csv ? Output.csv(document) : Output.show(document)
            }
        }
        if method == .get { try show() } else { try Self.afterChange(show) }
    }

    /// When the answer to a change can't be shown, at least says that the change was made.
    private static func afterChange(_ show: () throws(Failure) -> Void) throws(Failure) {
        do throws(Failure) {
            try show()
        } catch {
            let cause = error.text.isEmpty ? "standard output: its reader has gone" : error.text
            throw Failure(text: "it was done, but the answer could not be written: \(cause)")
        }
    }

    /// Shows a list page by page as they come, all of it, or its first `limit` items; people see them as
    /// `row` has them.
    func list(
        _ path: String,
        columns: Columns,
        limit: Int? = nil,
        row: (JSON) -> JSON = { $0 }
    ) async throws(Failure) {
        var printer = ListPrinter(form, columns, isWide: isWide)
        try await pages(of: path, limit: limit) { items throws(Failure) in
            try printer.show(items, row: row)
            return true
        }
        try printer.end()
    }

    /// Hands on a list page by page, all of it, or its first `limit` items, until `take` answers false.
    func pages(
        of path: String,
        limit: Int? = nil,
        _ take: ([JSON]) async throws(Failure) -> Bool
    ) async throws(Failure) {
        var count = 0
        var cursor: String?
        repeat {
            let rest = limit.map { min($0 - count, 1_000) } ?? 1_000
            let parameters = ["limit=\(rest)"] + (cursor.map { ["cursor=\($0)"] } ?? [])
            let separator = path.contains("?") ? "&" : "?"
            let page = path + separator + parameters.joined(separator: "&")
            let document = try await document(.get, page)
            let items = document["items"]?.array ?? []
            cursor = document["cursor"]?.text
            // A part of a list may be empty, and others follow.
            guard !items.isEmpty else { continue }
            guard try await take(items) else { return }
            count += items.count
        } while cursor != nil && count < limit ?? .max
    }

    /// The first element of a list that is meant; `nil`: there is none.
    func first(
        of path: String,
        where isMeant: (JSON) -> Bool
    ) async throws(Failure) -> JSON? {
        var found: JSON?
        try await pages(of: path) { items throws(Failure) in
            found = items.first(where: isMeant)
            return found == nil
        }
        return found
    }
}

extension String {
    /// As a part of a path or a query's value (RFC 3986, unreserved characters only).
    var escaped: String {
        utf8.map { byte in
            let character = Character(Unicode.Scalar(byte))
            let isPlain = byte < 0x80 && (character.isLetter || character.isNumber)
            if isPlain || "-._~".utf8.contains(byte) { return String(character) }
            return "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
        }
        .joined()
    }
}
