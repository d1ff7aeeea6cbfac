import HTTPTypes
import Testing

@testable import Admin

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
