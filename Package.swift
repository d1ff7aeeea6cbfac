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

/// A library target of ours: `dependencies` are the only modules it may import.
func module(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
    .target(name: name, dependencies: dependencies, swiftSettings: strict)
}

/// The tests of the module of that name, and of nothing else.
func tests(of name: String, _ dependencies: [Target.Dependency] = []) -> Target {
    .testTarget(
        name: "\(name)Tests",
        dependencies: [.byName(name: name)] + dependencies,
        swiftSettings: strict
    )
}

let package = Package(
    name: "tollgate",
    targets: [
        // Doors to C: headers and link flags, no logic.
        .systemLibrary(name: "CLinux"),
        .systemLibrary(name: "COpenSSL", pkgConfig: "openssl", providers: [.apt(["libssl-dev"])]),
        .systemLibrary(name: "CLMDB", providers: [.apt(["liblmdb-dev"])]),

        // Ground floor.
        module("Bytes"),
        module("Time"),
        module("Linux", ["CLinux", "Time"]),
        module("Telemetry", ["Bytes"]),
        module("Reactor", ["Linux", "Bytes", "Time"]),
        module("Storage", ["CLMDB", "Bytes"]),

        // Protocols and rules.
        module("MQTT", ["Bytes"]),
        module("TLS", ["Bytes", "COpenSSL"]),
        module("Ledger", ["Storage", "Bytes", "Time"]),
        module("Metering", ["Storage", "Bytes", "Time"]),

        // The data plane.
        module(
            "Gateway",
            [
                "Ledger", "Metering", "Reactor", "MQTT", "TLS", "Telemetry", "Storage", "Linux",
                "Bytes", "Time",
            ]
        ),

        tests(of: "Bytes"),
        tests(of: "Time"),
        tests(of: "Ledger", ["Storage", "Bytes", "Time"]),
        .executableTarget(
            name: "LedgerBenchmark",
            dependencies: ["Ledger", "Storage", "Time", "CLMDB"],
            path: "Benchmarks/Ledger",
            swiftSettings: strict
        ),
        tests(of: "Storage", ["Bytes", "StorageCrashWriter"]),
        .executableTarget(
            name: "StorageCrashWriter",
            dependencies: ["Storage", "Bytes"],
            path: "Tests/StorageCrashWriter",
            swiftSettings: strict
        ),
        .executableTarget(
            name: "StorageBenchmark",
            dependencies: ["Storage", "Bytes", "CLMDB"],
            path: "Benchmarks/Storage",
            swiftSettings: strict
        ),
    ]
)
