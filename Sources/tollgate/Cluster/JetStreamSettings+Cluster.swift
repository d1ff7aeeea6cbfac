import Gateway
import JetStream
import Linux

extension JetStreamSettings {
    /// Of what the configuration says of the cluster. Throws when a file with a secret can't be read.
    init(_ cluster: GatewayConfiguration.Cluster) throws(Failure) {
        self.init(
            servers: cluster.servers, stream: cluster.stream, subject: "tollgate.\(cluster.stream)")
        replicas = cluster.replicas
        credentials = try Self.credentials(of: cluster)
        guard cluster.usesTLS else { return }
        tls = TLS(
            authorityFile: cluster.tls.ca, certificateChainFile: cluster.tls.certificate,
            privateKeyFile: cluster.tls.key)
    }

    private static func credentials(
        of cluster: GatewayConfiguration.Cluster
    ) throws(Failure) -> Credentials {
        if let user = cluster.user, let file = cluster.passwordFile {
            return .user(user, password: try firstLine(of: file, "cluster.passwordFile"))
        }
        if let file = cluster.tokenFile {
            return .token(try firstLine(of: file, "cluster.tokenFile"))
        }
        return cluster.credentialsFile.map { .file($0) } ?? .none
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
