public import Linux

/// Where the files are that must not lie beside the stores: a copy of the data directory
/// has neither a token, nor a device's secret, nor a key of session tickets.
public struct SecretsDirectory: Sendable {
    public let path: String

    public init(of configuration: GatewayConfiguration) { path = configuration.secretsPath }

    /// The owner's token.
    public var tokenFile: String { "\(path)/admin.token" }

    /// What device and product secrets are sealed with.
    public var keyFile: String { "\(path)/device-secrets.key" }

    /// What ids and secrets of requests with an idempotency key are derived from.
    public var mintFile: String { "\(path)/mint.key" }

    /// What the keys of session tickets are derived from.
    public var ticketFile: String { "\(path)/ticket.key" }

    /// The keys themselves, as programs kept them that shared none with other gateways.
    var oldTicketFile: String { "\(path)/ticket.keys" }

    /// Makes it, mode 0700, and it stays made after a power failure.
    public func create() throws(FileError) {
        try FileSystem.createDirectory(path, mode: 0o700)
        try FileSystem.sync(directory: FileSystem.parent(of: path))
    }

    /// Throws when it is in the data directory, by whatever path: a copy of that would have it too.
    func require(outside data: String) throws(SecretsProblem) {
        let (own, other) = (FileSystem.resolved(path), FileSystem.resolved(data))
        guard own == other || own.hasPrefix(other == "/" ? "/" : "\(other)/") else { return }
        throw SecretsProblem(
            path: path,
            reason: "the secrets directory must not be in the data directory, \(data); "
                + "say where it is (secrets: in the configuration)"
        )
    }
}

/// Why the secrets directory can't be used: which file, and what to do about it.
public struct SecretsProblem: Error, Equatable, Sendable, CustomStringConvertible {
    /// A file, or `FILE:LINE`.
    public let path: String
    public let reason: String

    public var description: String { "\(path): \(reason)" }
}
