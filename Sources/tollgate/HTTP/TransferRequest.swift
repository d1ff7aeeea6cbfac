import Linux
import TLS

/// A request, as the thread of its transfer gets it.
struct TransferRequest: Sendable {
    enum Body: Sendable {
        case none
        case bytes([UInt8])

        /// Read as it is sent.
        case source(UploadSource, UploadProgress)

        var progress: UploadProgress? {
            switch self {
            case .none, .bytes: nil
            case .source(_, let progress): progress
            }
        }
    }

    /// How long is waited.
    enum Patience: Sendable {
        /// For all of the answer.
        case whole(Duration)

        /// Until something moves, in either direction.
        case silence(Duration, orElse: String)
    }

    let server: HTTPServer
    let method: HTTPClient.Method

    /// Percent-encoded, with its query.
    let path: String
    let headers: [(name: String, value: String)]
    let body: Body
    let patience: Patience

    /// Whether no harm is done when it comes twice. libcurl sends a request again when the connection, which others
    /// had used before, ends without an answer: it is then no more than likely that the request was not read.
    let mayRepeat: Bool

    /// - Throws: when a header can't be one: what its value holds could end it, and begin another.
    init(
        _ method: HTTPClient.Method, _ path: String, at server: HTTPServer,
        headers: [(String, String)], body: Body = .none, patience: Patience, mayRepeat: Bool
    ) throws(Failure) {
        for (name, value) in headers {
            guard value.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F || $0 == 0x09 }) else {
                throw Failure(
                    text: "\(name): its value must be one line, without control characters", code: 2
                )
            }
        }
        self.method = method
        self.path = path
        self.server = server
        self.headers = headers.map { (name: $0.0, value: $0.1) }
        self.body = body
        self.patience = patience
        self.mayRepeat = mayRepeat
    }

    /// As libcurl takes them: `Name: value`, or `Name;` for one without a value.
    var lines: [String] {
        let names = Set(headers.map { $0.name.lowercased() })
        // What libcurl would add.
        let unwanted = ["Accept", "Content-Type", "Expect"].filter {
            !names.contains($0.lowercased())
        }
        return headers.map { $0.value.isEmpty ? "\($0.name);" : "\($0.name): \($0.value)" }
            + unwanted.map { "\($0):" }
    }
}

/// Where requests go.
struct HTTPServer: Sendable {
    /// A name, or an address without brackets.
    let host: String
    let port: Int

    /// PEM file of the authorities that the server's certificate must come from; `nil` for plain HTTP.
    let authorityFile: String?

    /// `http://127.0.0.1:8090`, `https://[::1]:8090`
    var base: String { "\(authorityFile == nil ? "http" : "https")://\(place)" }

    /// `127.0.0.1:8090`, `[::1]:8090`
    var place: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }

    /// Throws when others could read what is sent there: a token, or secrets. Plain HTTP is for this machine alone.
    func requirePrivacy() throws(Failure) {
        let isHere = host == "localhost" || IPAddress(host)?.isLoopback == true
        guard authorityFile == nil, !isHere else { return }
        throw Failure(
            text:
                "\(base): a token would go there in the clear, and http:// is for this machine alone. Say https:// (the "
                + "gateway needs a certificate, admin.tls), or go through a tunnel: "
                + "ssh -L 8080:127.0.0.1:\(port) \(host)", code: 2)
    }

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
        // What would be another part of a URL: a path, a query, a user.
        let isName = host.utf8.allSatisfy {
            $0 > 0x20 && $0 != 0x7F && !"/?#@\\[]".utf8.contains($0)
        }
        guard !host.isEmpty, isName else { throw failure }
        self.host = String(host)
        self.port = port
        self.authorityFile =
            isEncrypted ? try TrustedAuthorities.required(named: authorityFile) : nil
    }
}
