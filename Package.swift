// swift-tools-version: 6.2
import PackageDescription

/// What every target of ours is compiled with (the project's style, rule by rule).
let strict: [SwiftSetting] = [
    .strictMemorySafety(),
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    .enableExperimentalFeature("Lifetimes"),
]

/// For what no message passes through: the release has a limit (`RELEASE_BYTES` in the Makefile), and
/// there small is worth more than fast.
let small = strict + [.unsafeFlags(["-Osize"], .when(configuration: .release))]

/// A library target of ours: `dependencies` are the only modules it may import.
func module(
    _ name: String, _ dependencies: [Target.Dependency] = [], settings: [SwiftSetting] = strict
) -> Target {
    .target(name: name, dependencies: dependencies, swiftSettings: settings)
}

/// The tests of the module of that name, and of nothing else.
func tests(of name: String, _ dependencies: [Target.Dependency] = []) -> Target {
    .testTarget(
        name: "\(name)Tests",
        dependencies: [.byName(name: name)] + dependencies,
        swiftSettings: strict
    )
}

/// A module or program that only tests or benchmarks use, in a folder of theirs.
func aid(
    _ name: String,
    _ path: String,
    isProgram: Bool = false,
    _ dependencies: [Target.Dependency]
) -> Target {
    isProgram
        ? .executableTarget(
            name: name,
            dependencies: dependencies,
            path: path,
            swiftSettings: strict
        )
        : .target(name: name, dependencies: dependencies, path: path, swiftSettings: strict)
}

let package = Package(
    name: "tollgate",
    // Exact, as Package.resolved is not in the repository: a program must not change under its users.
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser.git", exact: "1.8.2"),
        .package(url: "https://github.com/apple/swift-collections.git", exact: "1.6.0"),
        .package(url: "https://github.com/apple/swift-http-types.git", exact: "1.8.0"),
        .package(url: "https://github.com/apple/swift-log.git", exact: "1.16.2"),
        .package(url: "https://github.com/apple/swift-nio.git", exact: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-extras.git", exact: "1.35.2"),
        // Neither full Foundation nor swift-configuration is needed here.
        .package(
            url: "https://github.com/hummingbird-project/hummingbird.git",
            exact: "2.28.1",
            traits: []
        ),
        .package(
            url: "https://github.com/swift-server/swift-service-lifecycle.git",
            exact: "2.13.0"
        ),
    ],
    targets: [
        // Doors to C: headers and link flags, no logic.
        .systemLibrary(name: "CLinux"),
        .systemLibrary(name: "COpenSSL", pkgConfig: "openssl", providers: [.apt(["libssl-dev"])]),
        .systemLibrary(name: "CLMDB", providers: [.apt(["liblmdb-dev"])]),
        .systemLibrary(name: "CZstd", providers: [.apt(["libzstd-dev"])]),
        .systemLibrary(name: "CYAML", providers: [.apt(["libyaml-dev"])]),
        .systemLibrary(name: "CNATS", providers: [.apt(["libnats-dev"])]),
        .systemLibrary(
            name: "CCURL", pkgConfig: "libcurl", providers: [.apt(["libcurl4-openssl-dev"])]),
        // libcurl again, without a flag to link it: it is loaded when it is wanted.
        .systemLibrary(name: "CCURLAtRunTime", providers: [.apt(["libcurl4-openssl-dev"])]),
        .target(name: "CRevision"),

        // Ground floor.
        module("Bytes"),
        module("Time"),
        module("Linux", ["CLinux", "Time"]),
        module("Telemetry", ["Bytes"]),
        module("Reactor", ["Linux", "Bytes", "Time"]),
        module("Encoding", ["Bytes"]),
        module("Storage", ["CLMDB", "Encoding", "Telemetry", "Bytes"]),

        // Protocols and rules.
        module("MQTT", ["Bytes"]),
        module("Courier", ["Linux", "Encoding", "Bytes"], settings: small),
        module("Cryptography", ["Bytes", "COpenSSL"]),
        module("TLS", ["Cryptography", "Bytes", "COpenSSL"]),
        module("WebSocket", ["Cryptography", "Bytes"]),
        module("LedgerModel", ["Encoding", "Bytes", "Time"]),
        module("Replication", ["Linux", "Time"], settings: small),
        module("Links", ["LedgerModel", "Encoding", "Bytes", "Linux", "Time"]),
        module(
            "JetStream",
            [
                "CNATS", "Links", "LedgerModel", "Replication", "Cryptography", "Linux", "Bytes",
                "Time",
            ],
            settings: small
        ),
        module(
            "Ledger",
            [
                "LedgerModel", "Replication", "Storage", "Cryptography", "Encoding", "Telemetry",
                "Bytes", "Time",
            ]
        ),
        module("Metering", ["Ledger", "Storage", "Telemetry", "Bytes", "Time"]),
        module("Sessions", ["MQTT", "Storage", "Bytes", "Time"]),
        module("MessageLog", ["CZstd", "LedgerModel", "Reactor", "Linux", "Bytes", "Time"]),

        // The data plane.
        module(
            "Gateway",
            [
                "Sessions", "MessageLog", "Ledger", "Metering", "Links", "Replication", "Reactor",
                "MQTT", "WebSocket", "TLS", "Cryptography", "Telemetry", "Storage", "Linux",
                "Bytes",
                "Time",
                .product(name: "DequeModule", package: "swift-collections"),
                .product(name: "HeapModule", package: "swift-collections"),
            ]
        ),

        // People and programs: the only ones that import FoundationEssentials, NIO or Hummingbird. All of Foundation
        // would bring 34 MB of ICU's tables along.
        module("Settings", ["Gateway", "Linux", "CYAML"], settings: small),

        module(
            "Admin",
            [
                "Gateway", "MessageLog", "Courier", "Ledger", "Metering", "Storage", "TLS",
                "Cryptography", "Linux", "Bytes", "Telemetry", "Time",
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "HummingbirdCore", package: "hummingbird"),
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOHTTPTypes", package: "swift-nio-extras"),
                .product(name: "NIOHTTPTypesHTTP1", package: "swift-nio-extras"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ],
            settings: small
        ),
        .executableTarget(
            name: "tollgate",
            dependencies: [
                "Admin", "Settings", "Gateway", "Ledger", "JetStream", "Links", "Replication",
                "MQTT",
                "TLS", "Cryptography", "Storage", "Linux", "Bytes", "Time", "CRevision",
                "CCURLAtRunTime",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
            ],
            swiftSettings: small
        ),

        // HTTP requests that the gateway makes, in a process of their own.
        .executableTarget(
            name: "tollgate-courier",
            dependencies: ["Courier", "Linux", "CCURL"],
            swiftSettings: strict
        ),

        // The load harness: a fleet of clients on the same reactor, with nothing of the gateway's behind it.
        module(
            "Load",
            [
                "Reactor", "MQTT", "TLS", "WebSocket", "Cryptography", "Telemetry", "Linux",
                "Bytes", "Time",
            ]
        ),
        .executableTarget(
            name: "tollgate-load",
            dependencies: [
                "Load", "MQTT", "TLS", "Linux", "Time",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: strict
        ),

        // Tests of one module each.
        tests(of: "Bytes"),
        tests(of: "Time"),
        tests(of: "Linux", ["Time"]),
        tests(of: "Telemetry"),
        tests(of: "Reactor", ["Linux", "Time", "Randomness"]),
        tests(of: "Storage", ["Processes", "Bytes", "StorageCrashWriter", "TestFiles"]),
        tests(of: "MQTT", ["Processes", "Bytes", "Randomness"]),
        tests(of: "Cryptography", ["Bytes"]),
        tests(
            of: "TLS",
            [
                "Processes", "RecordModel", "Linux", "Cryptography", "Bytes", "COpenSSL",
                "Randomness", "TestFiles",
            ]),
        tests(of: "WebSocket", ["Bytes", "Randomness"]),
        tests(of: "Replication", ["FaultyLog", "Support", "Processes", "Linux", "Time"]),
        tests(
            of: "Links",
            [
                "FaultyPeers", "Support", "Processes", "LedgerModel", "Bytes", "Linux", "Time",
                "Randomness",
            ]
        ),
        tests(
            of: "JetStream",
            [
                "NATSServers", "Links", "LedgerModel", "Replication", "Support", "Processes",
                "Linux", "Time", "TestFiles",
            ]
        ),
        tests(
            of: "Ledger",
            [
                "LedgerModel", "Replication", "FaultyLog", "Fleet", "StoreDump", "Linux", "Storage",
                "Bytes", "Time", "TestFiles", "Processes", "Randomness",
            ]),
        tests(
            of: "Load",
            [
                "tollgate", "tollgate-load", "Support", "Processes", "TestFiles", "Telemetry",
                "MQTT", "TLS", "Linux", "Bytes", "Time",
            ]
        ),
        tests(
            of: "MessageLog",
            ["LedgerModel", "Support", "Processes", "TestFiles", "Linux", "Bytes", "Time"]),
        tests(
            of: "Metering",
            ["Processes", "Ledger", "Storage", "Bytes", "Time", "TestFiles", "Randomness"]),
        tests(
            of: "Sessions",
            [
                "Processes", "SessionCrashWriter", "MQTT", "Storage", "Bytes", "Time", "TestFiles",
                "Randomness",
            ]
        ),
        tests(
            of: "Gateway",
            [
                "RoutingLoad", "Support", "Processes", "TestFiles", "Sessions", "Metering",
                "Ledger",
                "Replication", "Storage", "Reactor", "MQTT", "TLS", "Cryptography", "Telemetry",
                "Linux", "Bytes", "Time",
                "Randomness",
            ]
        ),
        tests(of: "Settings", ["Ledger"]),
        tests(
            of: "Admin",
            [
                "Support", "Processes", "Courier", "tollgate-courier", "Cryptography", "Gateway",
                "MessageLog",
                "Ledger", "Linux", "Metering", "Sessions", "Storage", "Bytes", "Time",
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOConcurrencyHelpers", package: "swift-nio"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOEmbedded", package: "swift-nio"),
                .product(name: "NIOHTTPTypes", package: "swift-nio-extras"),
            ]
        ),

        // Tests of the whole: in process over real sockets, over a manual clock, killed, from outside.
        .testTarget(
            name: "IntegrationTests",
            dependencies: [
                "Delivery",
                "RecordModel", "CrashGateway", "Support", "Processes", "TestFiles", "Gateway",
                "Sessions",
                "Cryptography", "Ledger", "Links", "Replication", "MessageLog", "Metering",
                "Reactor", "MQTT",
                "TLS",
                "Linux", "Bytes", "Storage", "Time",
                "Randomness",
            ],
            exclude: [
                "paho_scenarios.py", "vendor_scenarios.py", "paho_features.py",
                "Interoperability/Clients",
            ],
            swiftSettings: strict
        ),
        .testTarget(
            name: "ConformanceTests",
            dependencies: [
                "Support", "Processes", "TestFiles", "Gateway", "Reactor", "MQTT", "Bytes", "Time",
            ],
            swiftSettings: strict
        ),
        .testTarget(
            name: "SimulationTests",
            dependencies: [
                "Support", "Processes", "TestFiles", "Gateway", "Ledger", "Metering", "Reactor",
                "MQTT", "TLS",
                "Linux", "Bytes", "Storage", "Time",
                "Randomness",
            ],
            swiftSettings: strict
        ),
        .testTarget(
            name: "CrashTests",
            dependencies: [
                "CrashGateway", "tollgate", "Support", "Processes", "TestFiles", "Gateway",
                "Ledger",
                "MessageLog",
                "Metering", "MQTT", "Linux", "Storage", "Time",
                "Randomness",
            ],
            swiftSettings: strict
        ),
        .testTarget(
            name: "ClusterTests",
            dependencies: [
                "LedgerNode", "tollgate", "NATSServers", "StoreDump", "Fleet", "Support",
                "Processes", "TestFiles", "Gateway", "JetStream", "Ledger", "LedgerModel", "Linux",
                "MQTT",
                "Storage",
            ],
            swiftSettings: strict
        ),
        .testTarget(
            name: "ProgramTests",
            dependencies: [
                "NATSServers", "Support", "Processes", "TestFiles", "tollgate", "tollgate-courier",
                "tollgate-load", "Gateway", "JetStream", "Replication", "Ledger", "MQTT", "Storage",
                "Time", "Linux",
            ],
            exclude: [
                "schemathesis.toml", "http_scenarios.py", "supervision_scenarios.py",
                "monitoring_scenarios.py", "monitoring_alerts.py", "monitoring_scenes.py",
                "monitoring_cluster.py", "gateway_process.py", "prometheus_process.py",
                "dashboard_picture.py", "dashboard_drawing.py",
                "openapi_examples.py",
                "webhook_scenarios.py", "shared_port_scenarios.py", "verb_scenarios.py",
                "console_gateway.py",
                "console_walk.py",
                "console_sentences.py", "console_forms.py", "console_pictures.py",
                "console_security.py", "console_keyboard.py", "console_markup.py",
                "console_person.py", "mqtt_client.py",
                "console_time.py",
                "alert_scenarios.py", "alert_webhooks.py", "firmware_scenarios.py",
                "smtp_server.py",
                "webhook_receiver.py", "Examples",
            ],
            swiftSettings: strict
        ),
        .testTarget(name: "TidyTests", dependencies: ["Processes"], swiftSettings: strict),

        // What older programs have written, read by today's: `Tests/Golden`.
        .testTarget(
            name: "GoldenTests",
            dependencies: [
                "TestFiles", "Gateway", "Sessions", "Ledger", "Metering", "MQTT", "Linux", "Bytes",
                "Storage", "Time",
            ],
            swiftSettings: strict
        ),

        // What the tests have in common, and the processes that they kill.
        aid("TestFiles", "Tests/TestFiles", ["Linux"]),
        aid("Processes", "Tests/Processes", ["Linux"]),
        aid("Randomness", "Tests/Randomness", []),
        aid("RecordModel", "Tests/RecordModel", ["Randomness"]),
        aid("StoreDump", "Tests/StoreDump", ["Ledger", "Storage", "Bytes"]),
        aid("NATSServers", "Tests/NATSServers", ["JetStream", "Linux", "Support", "TestFiles"]),
        aid("FaultyLog", "Tests/FaultyLog", ["Replication", "Linux", "Time", "Randomness"]),
        aid("FaultyPeers", "Tests/FaultyPeers", ["Links", "LedgerModel", "Randomness"]),
        aid(
            "Support",
            "Tests/Support",
            [
                "TestFiles", "Processes", "Gateway", "Ledger", "Links", "Replication", "Reactor",
                "MQTT", "TLS", "Cryptography", "Linux", "Bytes", "Storage", "Time",
            ]
        ),
        aid(
            "StorageCrashWriter", "Tests/StorageCrashWriter", isProgram: true, ["Storage", "Bytes"]),
        aid(
            "SessionCrashWriter",
            "Tests/SessionCrashWriter",
            isProgram: true,
            ["Sessions", "Storage", "MQTT", "Time"]
        ),
        aid("CrashGateway", "Tests/CrashGateway", isProgram: true, ["Gateway", "Linux"]),
        aid(
            "LedgerNode",
            "Tests/LedgerNode",
            isProgram: true,
            ["JetStream", "Ledger", "Replication", "Storage", "Linux", "Time"]
        ),

        // Measurements.
        aid(
            "StorageBenchmark",
            "Benchmarks/Storage",
            isProgram: true,
            ["Storage", "Bytes", "CLMDB"]
        ),
        aid(
            "SessionBenchmark",
            "Benchmarks/Sessions",
            isProgram: true,
            ["Sessions", "Storage", "MQTT", "Time"]
        ),
        aid(
            "LedgerBenchmark",
            "Benchmarks/Ledger",
            isProgram: true,
            ["Ledger", "Storage", "Time", "CLMDB"]
        ),
        aid(
            "LogBenchmark",
            "Benchmarks/Log",
            isProgram: true,
            ["JetStream", "Replication", "Linux"]
        ),
        aid(
            "LinksBenchmark",
            "Benchmarks/Links",
            isProgram: true,
            ["JetStream", "Links", "LedgerModel", "Linux"]
        ),
        aid(
            "ClusterBenchmark",
            "Benchmarks/Cluster",
            isProgram: true,
            ["JetStream", "Ledger", "Replication", "Storage", "Linux", "Time"]
        ),
        aid(
            "MessageBenchmark",
            "Benchmarks/Messages",
            isProgram: true,
            ["MessageLog", "LedgerModel", "Linux", "Bytes", "Time"]
        ),
        aid("Fleet", "Benchmarks/Fleet", ["Ledger", "Storage", "Linux", "Time", "Randomness"]),
        aid(
            "QueryBenchmark",
            "Benchmarks/Queries",
            isProgram: true,
            ["Fleet", "Ledger", "Storage", "Linux"]
        ),
        aid(
            "RoutingLoad",
            "Benchmarks/RoutingLoad",
            [
                "Gateway", "Ledger", "Sessions", "Storage", "Reactor", "MQTT", "Cryptography",
                "Linux",
                "Bytes", "Time",
            ]
        ),
        aid("Delivery", "Benchmarks/Delivery", ["Support", "Gateway", "MQTT", "Bytes"]),
        aid(
            "DeliveryBenchmark",
            "Benchmarks/DeliveryProgram",
            isProgram: true,
            ["Delivery"]
        ),
        aid(
            "RoutingBenchmark", "Benchmarks/Routing", isProgram: true,
            ["RoutingLoad", "Cryptography"]),
    ]
)
