internal import Replication
internal import Time

/// What the servers say of a stream.
struct StreamInfo: Sendable {
    /// The key of the cluster's id in the stream's metadata.
    static let clusterKey = "tollgate-cluster"

    /// Those of a log that was begun anew: its generation, and the place in the books behind which it begins.
    static let generationKey = "tollgate-generation"
    static let beginKey = "tollgate-begins-behind"
    static let chainKey = "tollgate-begins-with-chain"

    let config: JSON
    let last: UInt64

    /// The position of the first entry that is kept, or of the next one when there is none.
    let first: UInt64

    /// The servers' time, when they have said so.
    let now: Timestamp?

    /// The server that leads it now.
    let leader: String?

    /// The servers that have a replica, the leader too.
    let servers: [String]

    init?(_ answer: JSON) {
        guard let config = answer["config"], let last = answer["state"]?["last_seq"]?.unsigned
        else { return nil }
        self.config = config
        self.last = last
        let state = answer["state"]
        let isEmpty = state?["messages"]?.unsigned == 0
        first = isEmpty ? last + 1 : state?["first_seq"]?.unsigned ?? 1
        now = answer["ts"]?.text.flatMap { Timestamp($0) }
        leader = answer["cluster"]?["leader"]?.text.flatMap { $0.isEmpty ? nil : $0 }
        let others = answer["cluster"]?["replicas"]?.elements.compactMap { $0["name"]?.text } ?? []
        servers = (leader.map { [$0] } ?? []) + others
    }

    var clusterID: String? { config["metadata"]?[Self.clusterKey]?.text }

    /// What else the metadata say; the servers add some of their own.
    var labels: [String: String] {
        guard case .object(let members) = config["metadata"] else { return [:] }
        return members.compactMapValues(\.text).filter { $0.key != Self.clusterKey }
    }

    /// Which of the cluster's logs it is; `nil` when that is not understood.
    var generation: LogGeneration? {
        let labels = labels
        guard let number = labels[Self.generationKey] else { return .first }
        guard let number = UInt64(number),
            let position = labels[Self.beginKey].flatMap({ UInt64($0) }),
            let chain = labels[Self.chainKey]
        else { return nil }
        return LogGeneration(number: number, position: position, chain: chain)
    }

    /// How a stream is configured.
    ///
    /// Entries can't be deleted one by one; a purge is how the oldest of a log are let go of, when all nodes have
    /// applied them. Of the latest records each goes when its subject gets another, or its own time is over. A full
    /// stream takes no more, and loses nothing.
    static func config(
        for settings: JetStreamSettings, clusterID: String, after position: UInt64 = 0,
        _ generation: LogGeneration = .first
    ) -> JSON {
        var metadata = settings.labels.mapValues { JSON.text($0) }
        metadata[clusterKey] = .text(clusterID)
        if generation != .first {
            metadata[generationKey] = .text("\(generation.number)")
            metadata[beginKey] = .text("\(generation.position)")
            metadata[chainKey] = .text(generation.chain)
        }
        let isLatest = settings.kind == .latest
        return [
            "name": .text(settings.stream),
            "subjects": .array([.text(isLatest ? "\(settings.subject).*" : settings.subject)]),
            "retention": .text("limits"),
            "storage": .text("file"),
            "discard": .text("new"),
            "num_replicas": .number(settings.replicas),
            "max_consumers": .number(-1),
            "max_msgs": .number(-1),
            "max_bytes": .number(-1),
            "max_age": .number(0),
            "max_msgs_per_subject": .number(isLatest ? 1 : -1),
            "max_msg_size": .number(settings.entryMaximumBytes),
            "deny_delete": .truth(true),
            "deny_purge": .truth(isLatest),
            "allow_direct": .truth(true),
            "allow_msg_ttl": .truth(isLatest),
            "first_seq": .number(position == 0 ? 0 : position + 1),
            "metadata": .object(metadata),
        ]
    }

    /// Whether its oldest entries can be let go of.
    var isPurgeable: Bool {
        config["deny_purge"] != .truth(true) && config["sealed"] != .truth(true)
    }

    /// What of the stream's configuration is not safe for a log, or does not fit the settings.
    func differences(from settings: JetStreamSettings) -> [String] {
        let wanted = Self.config(for: settings, clusterID: "")
        var found: [String] = []
        func compare(_ name: String, _ isRight: (JSON?) -> Bool) {
            let value = config[name]
            if isRight(value) { return }
            let wish = wanted[name].map(\.description) ?? "left out"
            let state = value.map(\.description) ?? "left out"
            found.append("\(name) is \(state), and has to be \(wish)")
        }
        for name in ["subjects", "retention", "storage", "discard", "deny_delete", "allow_direct"] {
            compare(name) { $0 == wanted[name] }
        }
        compare("num_replicas") { ($0?.integer ?? 1) >= Int64(settings.replicas) }
        for name in ["max_msgs", "max_bytes", "max_age"] {
            compare(name) { ($0?.integer ?? -1) <= 0 }
        }
        switch settings.kind {
        case .entries:
            compare("max_msgs_per_subject") { ($0?.integer ?? -1) <= 0 }
            compare("allow_msg_ttl", Self.isOff)
        case .latest:
            compare("max_msgs_per_subject") { $0?.integer == 1 }
            for name in ["deny_purge", "allow_msg_ttl"] { compare(name) { $0 == wanted[name] } }
            for name in ["discard_new_per_subject", "subject_delete_marker_ttl"] {
                compare(name, Self.isOff)
            }
        }
        compare("max_msg_size") { value in
            let size = value?.integer ?? -1
            return size < 0 || size >= Int64(settings.entryMaximumBytes)
        }
        // Each of them could take an entry away, change it, or acknowledge it before it is kept.
        for name in [
            "allow_rollup_hdrs", "sealed", "no_ack", "allow_msg_counter", "mirror", "sources",
            "subject_transform",
        ] {
            compare(name, Self.isOff)
        }
        compare("persist_mode") { $0 == nil || $0 == .text("default") || $0 == .text("") }
        return found
    }

    private static func isOff(_ value: JSON?) -> Bool {
        value == nil || value == .truth(false) || value == .null || value == .number("0")
    }
}

/// Which stream is meant: what another one is told from that has its name by now.
struct StreamIdentity: Hashable, Sendable {
    let cluster: String
    let generation: UInt64
}
