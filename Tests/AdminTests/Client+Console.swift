import HTTPTypes
import NIOCore
import Testing

@testable import Admin
@testable import Gateway

/// The console without a browser.
extension Client {
    private static let form = "application/x-www-form-urlencoded"

    /// Signs in; answers the cookies of the session.
    func signIn(
        _ token: String, from address: String? = nil
    ) async throws -> (status: Int, cookie: String) {
        let page = try await send(.get, "/console/sign-in", token: nil, from: address)
        let pair = try #require(page.headers[.setCookie]?.split(separator: ";").first)
        let proof = pair.split(separator: "=")[1]
        let answer = try await send(
            .post, "/console/sign-in", Array("_token=\(proof)&token=\(token)".utf8),
            type: Self.form, token: nil,
            headers: ["Cookie": String(pair), "Origin": "http://test"], from: address)
        let cookie = answer.headers[values: .setCookie].first?.split(separator: ";").first ?? ""
        return (answer.status, String(cookie))
    }

    /// A page as someone with that token sees it who has just signed in.
    func page(_ path: String, _ token: String, language: String) async throws -> String {
        let (_, cookie) = try await signIn(token)
        let answer = try await send(
            .get, path, token: nil,
            headers: ["Cookie": cookie, "Accept-Language": language])
        #expect(answer.status == 200, "\(path)")
        return answer.text
    }
}

/// Someone who is signed in to the console.
struct Visitor: Sendable {
    let client: Client
    let cookie: String
    var language = "en"

    init(_ client: Client, _ token: String = Client.ownerToken.text, language: String = "en")
        async throws
    {
        self.client = client
        cookie = try await client.signIn(token).cookie
        self.language = language
    }

    private var headers: [String: String] {
        ["Cookie": cookie, "Accept-Language": language, "Origin": "http://test"]
    }

    func page(_ path: String) async throws -> Client.Answer {
        try await client.send(.get, "/console/\(path)", token: nil, headers: headers)
    }

    /// What the forms of the pages have.
    private func formToken() async throws -> String {
        let text = try await page("products").text
        let start = try #require(text.firstRange(of: "name=\"_token\" value=\""))
        return String(text[start.upperBound...].prefix(64))
    }

    /// Sends a form of that page.
    func send(
        _ operation: String, _ fields: KeyValuePairs<String, String>, on path: String,
        as form: String = "form"
    ) async throws -> Client.Answer {
        let all =
            [("_token", try await formToken()), ("_operation", operation), ("_form", form)]
            + fields.map { ($0.key, $0.value) }
        let text = all.map { "\(ConsoleLink.encoded($0))=\(ConsoleLink.encoded($1))" }
            .joined(separator: "&")
        return try await client.send(
            .post, "/console/\(path)", Array(text.utf8),
            type: "application/x-www-form-urlencoded", token: nil, headers: headers)
    }

    /// Sends a form with a file, in pieces of so many bytes.
    func upload(
        _ operation: String, _ fields: KeyValuePairs<String, String>, _ file: [UInt8],
        on path: String, as form: String = "form", token: String? = nil, pieces size: Int = 1_000
    ) async throws -> Client.Answer {
        var text = ""
        let known = try await formToken()
        for (name, value) in [
            ("_token", token ?? known), ("_operation", operation), ("_form", form),
        ] + fields.map({ ($0.key, $0.value) }) {
            text +=
                "--xx\r\nContent-Disposition: form-data; name=\"\(name)\"\r\n\r\n\(value)\r\n"
        }
        text += "--xx\r\nContent-Disposition: form-data; name=\"_file\"; filename=\"a.bin\"\r\n"
        text += "Content-Type: application/octet-stream\r\n\r\n"
        let body = Array(text.utf8) + file + Array("\r\n--xx--\r\n".utf8)
        let pieces = AsyncThrowingStream<ByteBuffer, any Error> { stream in
            for start in Swift.stride(from: 0, to: body.count, by: size) {
                stream.yield(
                    ByteBuffer(bytes: body[start..<Swift.min(start + size, body.count)]))
            }
            stream.finish()
        }
        let types = ["Content-Type": "multipart/form-data; boundary=xx"]
        return try await client.upload(
            "/console/\(path)", headers: headers.merging(types) { $1 }, pieces)
    }
}

extension Client {
    /// From now on the gateway takes firmware images.
    func offerFirmware() throws {
        var configuration = GatewayConfiguration()
        configuration.data = directory
        let secrets = SecretsDirectory(of: configuration)
        try secrets.create()
        let secret = try TicketSecret.opened(in: secrets)
        controlPlane.set {
            $0.firmwareLinks = FirmwareLinks(url: "https://example.org", secret: secret)
        }
    }
}
