import Ledger

// Whether what is said of NATS servers can be right.

extension GatewayConfiguration.Cluster {
    func validate() throws(ConfigurationProblem) {
        if self == Self() { return }
        guard let node else {
            throw ConfigurationProblem(
                path: "cluster.node", reason: "is missing: this gateway's name in its cluster")
        }
        try requireName(node, NodeName.self, "cluster.node")
        guard name != .alone else {
            throw ConfigurationProblem(
                path: "cluster.node",
                reason: "must not be '\(node)', which a gateway alone is called")
        }
        guard !servers.isEmpty else {
            throw ConfigurationProblem(
                path: "cluster.servers", reason: "needs the NATS servers of the log")
        }
        try validateAccess("cluster")
        guard !stream.isEmpty, stream.utf8.allSatisfy(Self.isOfStream) else {
            throw ConfigurationProblem(
                path: "cluster.stream", reason: "must be of A-Z a-z 0-9 _ -, and is '\(stream)'")
        }
        guard (1...2).contains(sessionReplicas) else {
            throw ConfigurationProblem(
                path: "cluster.sessionReplicas",
                reason: "must be 1, or 2 with a copy at another node, and is \(sessionReplicas)")
        }
        guard [1, 3, 5].contains(replicas) else {
            throw ConfigurationProblem(
                path: "cluster.replicas",
                reason: "must be 3 or 5, or 1 to try out, and is \(replicas)")
        }
    }

    private static func isOfStream(_ byte: UInt8) -> Bool {
        NodeName.allows(byte) && byte != UInt8(ascii: ".")
    }
}

extension GatewayConfiguration.Uplink {
    func validate() throws(ConfigurationProblem) {
        if let replicas {
            guard [1, 3, 5].contains(replicas) else {
                throw ConfigurationProblem(
                    path: "uplink.replicas",
                    reason: "must be 3 or 5, or 1 to try out, and is \(replicas)")
            }
        }
        var rest = self
        rest.replicas = nil
        if rest == Self() { return }
        guard !servers.isEmpty else {
            throw ConfigurationProblem(
                path: "uplink.servers", reason: "needs the NATS servers of the streams")
        }
        try validateAccess("uplink")
    }
}

extension NATSAccess {
    /// Of that section.
    func validateAccess(_ section: String) throws(ConfigurationProblem) {
        for server in servers { try Self.validate(server, "\(section).servers") }
        try validateCredentials(section)
    }

    private static func validate(_ server: String, _ path: String) throws(ConfigurationProblem) {
        guard !server.contains("@") else {
            throw ConfigurationProblem(
                path: path,
                reason: "must not name a user: that is what user and passwordFile are for")
        }
        let schemes = ["nats://", "tls://"]
        let place = schemes.first { server.hasPrefix($0) }.map { server.dropFirst($0.count) }
        guard let place, let colon = place.lastIndex(of: ":"), colon != place.startIndex,
            let port = Int(place[place.index(after: colon)...]), (1...65_535).contains(port),
            place[..<colon].utf8.allSatisfy({
                (0x21...0x7E).contains($0) && $0 != UInt8(ascii: "/")
            })
        else {
            throw ConfigurationProblem(
                path: path,
                reason: "must be like nats://HOST:4222 or tls://HOST:4222, and one is '\(server)'")
        }
    }

    private func validateCredentials(_ section: String) throws(ConfigurationProblem) {
        let texts = [
            ("user", user), ("passwordFile", passwordFile), ("tokenFile", tokenFile),
            ("credentialsFile", credentialsFile), ("tls.ca", tls.ca),
            ("tls.certificate", tls.certificate), ("tls.key", tls.key),
        ]
        for case (let key, let text?) in texts { try requireText(text, "\(section).\(key)") }
        guard (user == nil) == (passwordFile == nil) else {
            throw ConfigurationProblem(
                path: "\(section).\(user == nil ? "user" : "passwordFile")",
                reason: "is missing: a user and a password come together")
        }
        let kinds = [
            ("user", user), ("tokenFile", tokenFile), ("credentialsFile", credentialsFile),
        ].filter { $0.1 != nil }
        guard kinds.count <= 1 else {
            throw ConfigurationProblem(
                path: "\(section).\(kinds[1].0)", reason: "is one too many: \(kinds[0].0) is there")
        }
        guard (tls.certificate == nil) == (tls.key == nil) else {
            throw ConfigurationProblem(
                path: "\(section).tls.\(tls.key == nil ? "key" : "certificate")",
                reason: "is missing: certificate and key come together")
        }
    }
}
