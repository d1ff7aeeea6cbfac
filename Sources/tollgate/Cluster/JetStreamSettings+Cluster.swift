import Gateway
import JetStream
import Linux

extension JetStreamSettings {
    /// Of what the configuration says of the cluster. Throws when a file with a secret can't be read.
    init(_ cluster: GatewayConfiguration.Cluster) throws(Failure) {
        self.init(
            servers: cluster.servers, stream: cluster.stream, subject: "tollgate.\(cluster.stream)")
        replicas = cluster.replicas
        try take(cluster)
    }

    /// For the streams that products name, whose names are the products'. Throws when a file with a secret can't be read.
    init(uplink access: any NATSAccess, replicas: Int) throws(Failure) {
        self.init(servers: access.servers, stream: "UPLINK", subject: "tollgate.uplink")
        self.replicas = replicas
        try take(access)
    }

    /// Credentials and TLS.
    private mutating func take(_ access: any NATSAccess) throws(Failure) {
        credentials = try Self.credentials(of: access)
        guard access.usesTLS else { return }
        tls = TLS(
            authorityFile: access.tls.ca, certificateChainFile: access.tls.certificate,
            privateKeyFile: access.tls.key)
    }

    private static func credentials(of access: any NATSAccess) throws(Failure) -> Credentials {
        if let user = access.user, let file = access.passwordFile {
            return .user(user, password: try firstLine(of: file, "passwordFile"))
        }
        if let file = access.tokenFile {
            return .token(try firstLine(of: file, "tokenFile"))
        }
        return access.credentialsFile.map { .file($0) } ?? .none
    }

    private static func firstLine(of file: String, _ key: String) throws(Failure) -> String {
        let bytes = try orFail { try FileSystem.read(file, maximumBytes: 4_096) }
        let line = bytes.prefix { $0 != UInt8(ascii: "\n") && $0 != UInt8(ascii: "\r") }
        guard !line.isEmpty else {
            throw Failure(text: "\(key): \(file) begins with an empty line")
        }
        return String(decoding: line, as: UTF8.self)
    }
}
