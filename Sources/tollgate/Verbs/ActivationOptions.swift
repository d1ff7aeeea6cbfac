import ArgumentParser

/// Which activations are meant: by device, activation date and expiry date.
struct ActivationOptions: ParsableArguments {
    @Option(help: "Only this device's.") var device: String?
    @Option(help: "Activated at or after, like 2026-11-21T00:00:00Z.") var activatedFrom: String?
    @Option(help: "Activated before.") var activatedTo: String?
    @Option(help: "Ends at or after.") var expiresFrom: String?
    @Option(help: "Ends before.") var expiresTo: String?

    /// As parameters of a query.
    var parameters: [(String, String?)] {
        [
            ("device", device), ("activatedFrom", activatedFrom), ("activatedTo", activatedTo),
            ("expiresFrom", expiresFrom), ("expiresTo", expiresTo),
        ]
    }
}
