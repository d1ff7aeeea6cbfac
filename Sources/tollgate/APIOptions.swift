import Admin
import ArgumentParser
import FoundationEssentials
import Linux

/// The options of every verb: the API's address, the token, and the form of the answer.
struct APIOptions: ParsableArguments {
    @Option(help: "The gateway's API. Default: TOLLGATE_API, or http://127.0.0.1:8080.")
    var api: String?

    @Option(
        name: .customLong("ca-file"),
        help: """
            PEM file of the authorities that an https API's certificate must come from. Default: TOLLGATE_CA, or \
            those that the system trusts.
            """
    )
    var authorityFile: String?

    @Option(
        name: .customLong("token-file"),
        help: "A file with the token. Default: TOLLGATE_TOKEN, or ./data/admin.token."
    )
    var tokenFile: String?

    @Option(help: "For a change: sent again with the same key, it is not made twice.")
    var idempotencyKey: String?

    @Flag(help: "JSON for programs instead of tables for people.")
    var json = false

    private var client: HTTPClient {
        get throws(Failure) {
            let environment = ProcessInfo.processInfo.environment
            let url = api ?? environment["TOLLGATE_API"] ?? "http://127.0.0.1:8080"
            return try HTTPClient(url: url, authorityFile: authorityFile)
        }
    }

    /// From the file that was named, else from the environment, else from the usual file.
    private var token: String {
        get throws(Failure) {
            let environment = ProcessInfo.processInfo.environment
            if tokenFile == nil, let token = environment["TOLLGATE_TOKEN"], !token.isEmpty {
                return token
            }
            let path = tokenFile ?? "data/\(OwnerToken.linkName)"
            guard let token = TokenFile.read(path) else {
                throw Failure(
                    text: "\(path): can't be read; say --token-file FILE or set TOLLGATE_TOKEN",
                    code: 2
                )
            }
            return token
        }
    }

    /// For the gateway that has this data directory open: its token is there, unless another one is named, or a
    /// gateway on another machine, which is not to see it.
    func at(data: String) -> Self {
        let environment = ProcessInfo.processInfo.environment
        let link = "\(data)/\(OwnerToken.linkName)"
        let host = (api ?? environment["TOLLGATE_API"]).flatMap { URL(string: $0)?.host() }
        guard tokenFile == nil, environment["TOLLGATE_TOKEN"] ?? "" == "",
            host == nil || host == "localhost" || IPAddress(host ?? "")?.isLoopback == true,
            FileManager.default.fileExists(atPath: link)
        else { return self }
        var options = self
        options.tokenFile = link
        return options
    }

    /// Sends a request; a problem document becomes a failure.
    func send(
        _ method: HTTPClient.Method,
        _ path: String,
        type: String = "application/json",
        body: [UInt8]? = nil
    ) async throws(Failure) -> [UInt8] {
        var headers = [("Authorization", "Bearer \(try token)")]
        if body != nil { headers.append(("Content-Type", type)) }
        if method != .get, let idempotencyKey {
            headers.append(("Idempotency-Key", idempotencyKey))
        }
        let answer = try await client.send(method, "/v1/\(path)", headers: headers, body: body)
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

    private static func check(_ answer: HTTPClient.Answer) throws(Failure) {
        guard !(200...299).contains(answer.status) else { return }
        let problem = JSON(parsing: answer.bytes)
        let reason = problem?["reason"]?.text ?? "HTTP status \(answer.status)"
        let detail = problem?["detail"]?.text.map { ": \($0)" } ?? ""
        throw Failure(text: reason + detail)
    }

    /// Sends a request and shows the document that comes back.
    func show(_ method: HTTPClient.Method, _ path: String, _ body: JSON? = nil)
        async throws(Failure)
    {
        let bytes = try await send(method, path, body: body?.bytes)
        guard !bytes.isEmpty else { return }
        let show = { () throws(Failure) in
            guard !json, let document = JSON(parsing: bytes) else { return try Output.json(bytes) }
            try Output.show(document)
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
        columns: [String],
        limit: Int? = nil,
        row: (JSON) -> JSON = { $0 }
    ) async throws(Failure) {
        var table = Output.Table(columns: columns)
        var count = 0
        var cursor: String?
        repeat {
            let rest = limit.map { min($0 - count, 1_000) } ?? 1_000
            let parameters = ["limit=\(rest)"] + (cursor.map { ["cursor=\($0)"] } ?? [])
            let separator = path.contains("?") ? "&" : "?"
            let page = path + separator + parameters.joined(separator: "&")
            guard let document = JSON(parsing: try await send(.get, page)) else {
                throw Failure(text: "the answer is not JSON")
            }
            let items = document["items"]?.array ?? []
            cursor = document["cursor"]?.text
            // A part of a list may be empty, and others follow.
            guard !items.isEmpty else { continue }
            if json {
                let texts = items.map { String(decoding: $0.bytes, as: UTF8.self) }
                try Output.json(part: (count == 0 ? "[" : ",") + texts.joined(separator: ","))
            } else {
                try table.show(items.map(row))
            }
            count += items.count
        } while cursor != nil && count < limit ?? .max
        if json {
            try Output.json(part: count == 0 ? "[]\n" : "]\n")
        } else if count == 0 {
            try table.show([])
        }
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
