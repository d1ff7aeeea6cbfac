internal import Replication

/// Where a log is in NATS JetStream, and how its servers are reached.
public struct JetStreamSettings: Hashable, Sendable {
    /// Who the gateway is for the servers.
    public enum Credentials: Hashable, Sendable {
        case none
        case user(String, password: String)
        case token(String)

        /// A file with a JWT and its seed, as `nsc` writes it.
        case file(String)
    }

    /// How the servers prove who they are, and the gateway, if they ask for it. PEM files.
    public struct TLS: Hashable, Sendable {
        /// `nil`: the authorities that the system trusts.
        public var authorityFile: String?
        public var certificateChainFile: String?
        public var privateKeyFile: String?

        public init(
            authorityFile: String? = nil,
            certificateChainFile: String? = nil,
            privateKeyFile: String? = nil
        ) {
            self.authorityFile = authorityFile
            self.certificateChainFile = certificateChainFile
            self.privateKeyFile = privateKeyFile
        }
    }

    /// `nats://host:4222`, one for each server; all of one cluster.
    public var servers: [String]

    /// The name of the stream: letters, digits, `_` and `-`.
    public var stream: String

    /// What entries are published on: words of the same characters, with dots between them.
    public var subject: String
    public var credentials = Credentials.none

    /// What the metadata of a stream that is made say beside the cluster's id, by keys.
    public var labels: [String: String] = [:]

    /// `nil`: without TLS.
    public var tls: TLS?

    /// On how many servers each entry is. 3 is for a cluster; 1, for a single server, survives no loss of it.
    public var replicas = 3

    /// What the stream takes for one entry; smaller only in tests.
    public var entryMaximumBytes = Replication.entryMaximumBytes

    /// To one server, with TLS and all.
    public var connectMilliseconds: Int64 = 2_000

    /// Until the stream has been found or made, in all.
    public var openMilliseconds: Int64 = 15_000

    /// Of one question to the servers.
    public var requestMilliseconds: Int64 = 2_000

    /// Of one append; then its outcome is not known.
    public var appendMilliseconds: Int64 = 1_500

    /// How long questions are asked again and a follower goes on trying before the log counts as unreachable.
    public var patienceMilliseconds: Int64 = 10_000

    /// For how long the stream has to end before a position that was applied until it counts as set back: a
    /// leader that was just elected may not have applied all that it has.
    public var settleMilliseconds: Int64 = 3_000

    /// How often is looked whether the log may be relied on, beside each time that the connection was lost.
    public var checkMilliseconds: Int64 = 10_000

    /// What the stream keeps.
    var kind = StreamKind.entries

    public init(servers: [String], stream: String, subject: String) {
        self.servers = servers
        self.stream = stream
        self.subject = subject
    }
}

/// What a stream keeps.
enum StreamKind: Hashable, Sendable {
    /// Each entry, in one subject.
    case entries

    /// The last record of each of many subjects.
    case latest
}

extension JetStreamSettings {
    /// Where the retained messages of the same cluster are: in a stream beside its log's.
    public var ofRetained: JetStreamSettings {
        var settings = self
        settings.stream += "_RETAINED"
        settings.subject += ".retained"
        return settings
    }

    /// Throws unless they can be right.
    func check() throws(JetStreamError) {
        if servers.isEmpty { throw .badSettings("no server is named") }
        for server in servers where !server.contains("://") || server.utf8.contains(0) {
            throw .badSettings("a server is written nats://host:port, one of them is not")
        }
        guard Self.isWord(stream) else {
            throw .badSettings("a stream's name has letters, digits, - and _, not \"\(stream)\"")
        }
        let words = subject.split(separator: ".", omittingEmptySubsequences: false)
        guard words.allSatisfy(Self.isWord) else {
            throw .badSettings("a subject has letters, digits, -, _ and dots, not \"\(subject)\"")
        }
        guard replicas == 1 || replicas == 3 || replicas == 5 else {
            throw .badSettings("a stream has 1, 3 or 5 replicas, not \(replicas)")
        }
        if let tls, (tls.certificateChainFile == nil) != (tls.privateKeyFile == nil) {
            throw .badSettings("a certificate and its private key come together")
        }
    }

    private static func isWord(_ text: some StringProtocol) -> Bool {
        !text.isEmpty
            && text.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"):
                    true
                default: false
                }
            }
    }
}
