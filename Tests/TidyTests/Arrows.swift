/// Who may import what: the arrows of the architecture, which point down only.
enum Arrows {
    /// Modules of ours and of others that each target may import. The standard library's own
    /// (`Synchronization`) are open to all.
    static let allowed: [String: Set<String>] = [
        "Bytes": [],
        "Time": [],
        "Linux": ["CLinux", "Glibc", "Time"],
        "Telemetry": ["Bytes"],
        "Reactor": ["Linux", "Bytes", "Time"],
        "Encoding": ["Bytes"],
        "Storage": ["CLMDB", "Glibc", "Encoding", "Telemetry", "Bytes"],
        "MQTT": ["Bytes"],
        "Courier": ["Linux", "Encoding", "Bytes"],
        "Cryptography": ["COpenSSL", "Glibc", "Bytes"],
        "TLS": ["Cryptography", "COpenSSL", "Glibc", "Bytes"],
        "WebSocket": ["Cryptography", "Bytes"],
        "LedgerModel": ["Encoding", "Bytes", "Time"],
        "Replication": ["Linux", "Time"],
        "Links": ["LedgerModel", "Encoding", "Bytes", "Linux", "Time"],
        "JetStream": [
            "CNATS", "Glibc", "Links", "LedgerModel", "Replication", "Cryptography", "Linux",
            "Bytes", "Time",
        ],
        "Ledger": [
            "LedgerModel", "Replication", "Storage", "Cryptography", "Encoding", "Telemetry",
            "Bytes",
            "Time",
        ],
        "Metering": ["Ledger", "Storage", "Telemetry", "Bytes", "Time"],
        "Sessions": ["MQTT", "Storage", "Bytes", "Time"],
        "MessageLog": ["CZstd", "LedgerModel", "Reactor", "Linux", "Bytes", "Time"],
        "Gateway": dataPlane,
        "Settings": ["CYAML", "Gateway", "Linux"],
        "Admin": people.union([
            "Gateway", "MessageLog", "Courier", "Ledger", "Metering", "Storage", "TLS",
            "Cryptography",
            "Telemetry",
            "Linux", "Bytes",
            "Time",
        ])
        .union([
            "Hummingbird", "HummingbirdCore", "HTTPTypes", "NIOHTTP1", "NIOHTTPTypes",
            "NIOHTTPTypesHTTP1",
        ]),
        "tollgate": people.union([
            "Gateway", "Ledger", "JetStream", "Links", "Replication", "MQTT", "TLS", "Storage",
            "Linux", "Bytes",
        ])
        .union([
            "Admin", "Settings", "Cryptography", "Time", "ArgumentParser", "UnixSignals",
            "CRevision", "CCURLAtRunTime", "Glibc",
        ]),
        "Load": [
            "Reactor", "MQTT", "TLS", "WebSocket", "Cryptography", "Telemetry", "Linux", "Bytes",
            "Time",
        ],
        "tollgate-courier": ["Courier", "Linux", "CCURL", "Glibc"],
        "tollgate-load": [
            "Load", "MQTT", "TLS", "Linux", "Time", "ArgumentParser", "FoundationEssentials",
            "Glibc",
        ],
    ]

    /// All that lies under the gateway.
    private static let dataPlane: Set<String> = [
        "Ledger", "MessageLog", "Metering", "Replication", "Sessions", "Links", "Reactor", "MQTT",
        "WebSocket",
        "TLS", "Cryptography", "Telemetry", "Storage", "Linux", "Bytes", "Time", "DequeModule",
        "HeapModule",
    ]

    /// What the side for people and programs is built with: not all of Foundation, which has 34 MB of ICU's tables.
    private static let people: Set<String> = [
        "FoundationEssentials", "Logging", "NIOCore", "NIOPosix", "ServiceLifecycle",
    ]

    static let openToAll: Set<String> = ["Swift", "Synchronization"]

    /// Who may open each door to C: one module, or for OpenSSL two, which use different halves of
    /// it, libcrypto and libssl.
    static let doors: [String: Set<String>] = [
        "CLinux": ["Linux"], "COpenSSL": ["Cryptography", "TLS"], "CLMDB": ["Storage"],
        "CNATS": ["JetStream"], "CCURL": ["tollgate-courier"],
        "CCURLAtRunTime": ["tollgate"], "CRevision": ["tollgate"],
        "CYAML": ["Settings"], "CZstd": ["MessageLog"],
    ]
}
