import ArgumentParser

/// Which of a product's devices are meant.
struct DeviceFilter: ParsableArguments {
    @Option(help: "Only devices with that in their key or name, in capitals or not.")
    var like: String?

    @Option(help: "Only devices in that state: inactive, active or disabled.") var state: String?

    @Flag(
        name: .customLong("online"), inversion: .prefixedNo,
        help: "Only devices that are connected now, or that are not.")
    var isOnline: Bool?

    @Option(help: ArgumentHelp("Only devices with that metadata.", valueName: "key=value"))
    var metadata: String?

    var query: String {
        tollgate.query([
            "state": state, "like": like, "online": isOnline.map { $0 ? "true" : "false" },
            "metadata": metadata,
        ])
    }

    var isEmpty: Bool { like == nil && state == nil && isOnline == nil && metadata == nil }
}
