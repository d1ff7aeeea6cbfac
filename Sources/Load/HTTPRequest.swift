internal import Bytes
public import Linux
public import TLS

/// An HTTP API: where it is, what it is called, and how it is reached.
public struct APIEndpoint: Sendable {
    public let address: SocketAddress

    /// As the API is named: `127.0.0.1:8080`.
    public let host: String

    /// `nil`: without TLS.
    let encryption: Encryption?

    struct Encryption: Sendable {
        let context: TLSContext

        /// What its certificate must name.
        let serverName: String
    }

    /// One without TLS.
    public init(address: SocketAddress, host: String) {
        self.address = address
        self.host = host
        encryption = nil
    }

    /// One with TLS, whose certificate must name `serverName`, and come from an authority in that PEM file.
    ///
    /// - Throws: `TLSError` with the file, when it can't be read or has no certificate.
    public init(
        address: SocketAddress,
        host: String,
        serverName: String,
        authorityFile: String
    ) throws(TLSError) {
        self.address = address
        self.host = host
        encryption = Encryption(
            context: try TLSContext(
                connecting: TLSClientConfiguration(
                    authorityFile: authorityFile, applicationProtocols: ["http/1.1"])),
            serverName: serverName)
    }
}

/// One request to an HTTP API (RFC 9112): sent whole, and the answer waited for.
struct HTTPRequest {
    let path: String
    let token: String
    let type: String
    let body: [UInt8]

    /// - Throws: `HTTPError` when there is no connection, no trust, or no whole answer.
    func send(to api: APIEndpoint) throws(HTTPError) -> HTTPAnswer {
        var connection = try APIConnection.open(to: api)
        try connection.shakeHands()
        var output = ByteBuffer()
        output.append(utf8: head(api.host))
        output.append(body.span)
        try connection.send(output.span)
        let bytes = try connection.receiveAll()
        guard let answer = HTTPAnswer(bytes) else {
            throw HTTPError(
                text: api.encryption == nil
                    ? "it gave no answer of HTTP: does it speak TLS? Then name https://"
                    : "it gave no answer of HTTP")
        }
        guard answer.isWhole else { throw HTTPError(text: "its answer was cut off") }
        return answer
    }

    private func head(_ host: String) -> String {
        """
        POST \(path) HTTP/1.1\r
        Host: \(host)\r
        Authorization: Bearer \(token)\r
        Content-Type: \(type)\r
        Content-Length: \(body.count)\r
        Connection: close\r
        \r

        """
    }
}

struct HTTPError: Error {
    let text: String
}
