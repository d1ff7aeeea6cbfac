import Admin
import FoundationEssentials
import Gateway

/// A node that runs, as another one's operator speaks to it.
struct PeerNode {
    let client: HTTPClient
    private let token: String

    init(url: String, authorityFile: String?, token: String) throws(Failure) {
        self.token = token
        client = try HTTPClient(url: url, authorityFile: authorityFile)
        try client.server.requirePrivacy()
    }

    var headers: [(String, String)] { [("Authorization", "Bearer \(token)")] }

    func ask() async throws(Failure) -> ClusterSight {
        let answer = try await client.send(.get, "/v1/cluster", headers: headers)
        let document = JSON(parsing: answer.bytes)
        guard answer.status == 200, let document else {
            throw Self.refusal(answer.status, answer.bytes)
        }
        return try ClusterSight(document)
    }

    static func refusal(_ status: Int, _ bytes: [UInt8]) -> Failure {
        let problem = JSON(parsing: bytes)
        let reason = problem?["reason"]?.text ?? "HTTP status \(status)"
        return Failure(
            text: "the peer: \(reason)\(problem?["detail"]?.text.map { ": \($0)" } ?? "")")
    }
}

/// The token that a peer is asked with.
enum PeerToken {
    /// From the file that was named, else from the environment, else the one that may have been copied along.
    static func read(
        from file: String?, _ secrets: SecretsDirectory
    ) throws(Failure) -> String {
        let environment = ProcessInfo.processInfo.environment
        if file == nil, let token = environment["TOLLGATE_TOKEN"], !token.isEmpty { return token }
        let path = file ?? secrets.tokenFile
        guard let token = TokenFile.read(path) else {
            throw Failure(
                text:
                    "\(path): can't be read; say --token-file FILE, with the peer's owner's token",
                code: 2)
        }
        return token
    }
}
