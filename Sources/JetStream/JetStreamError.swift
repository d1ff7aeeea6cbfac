/// Why a log in JetStream can't be opened.
public enum JetStreamError: Error, Hashable, Sendable {
    /// The settings can't be right; a sentence without a full stop.
    case badSettings(String)

    /// No server answers, or not in time.
    case unreachable(String)

    /// A server was there, and did not let us in: credentials, TLS, permissions.
    case notLetIn(String)

    /// A server is older than the oldest that is safe.
    case tooOld(server: String, version: String, minimum: String)

    /// There is no such stream, although there should be one.
    case noStream(String)

    /// The stream exists, and is not kept as a log has to be: what it has, and what it should.
    case unsafeStream(String, differences: [String])

    /// The stream belongs to another cluster.
    case foreignCluster(stream: String, found: String, expected: String)

    /// The servers don't make the stream, in their words.
    case notMade(stream: String, String)

    /// The system has no thread left.
    case noThread(String)
}

extension JetStreamError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .badSettings(let why): "the log's settings: \(why)"
        case .unreachable(let why):
            "the log's NATS servers can't be reached: \(why). Look whether they run, and at their addresses"
        case .notLetIn(let why):
            "the log's NATS servers don't let this gateway in: \(why)"
        case .tooOld(let server, let version, let minimum):
            "NATS server \(server) is version \(version), which is too old to rely on; \(minimum) or newer is needed "
                + "(Debian's package is too old: take the project's own)"
        case .noStream(let stream): "the NATS servers have no stream \(stream)"
        case .unsafeStream(let stream, let differences):
            "stream \(stream) can't be relied on: \(differences.joined(separator: "; ")). Correct it with "
                + "`nats stream edit`, or name another stream"
        case .foreignCluster(let stream, let found, let expected):
            "stream \(stream) is the log of cluster \(found), and this gateway belongs to \(expected). Name another "
                + "stream, or start with an empty data directory to join that cluster"
        case .notMade(let stream, let why): "stream \(stream) can't be made: \(why)"
        case .noThread(let why): "no thread for the log: \(why)"
        }
    }
}
