import Ledger

/// A part of a path that varies. Its name says what it is, so that a path declares its parameters.
struct PathParameter: Sendable {
    let name: String
    let schema: Schema

    /// The reason of the problem when there is no such thing.
    let absent: String

    /// What `:name` stands for; a new one is added here.
    private static let all = [
        PathParameter(name: "account", schema: .id(AccountID.self), absent: "unknown-account"),
        PathParameter(name: "email", schema: .email, absent: "unknown-contact"),
        PathParameter(name: "package", schema: .id(PackageID.self), absent: "unknown-package"),
        PathParameter(name: "pk", schema: .id(ProductKey.self), absent: "unknown-product"),
        PathParameter(name: "dk", schema: .id(DeviceKey.self), absent: "unknown-device"),
        PathParameter(
            name: "import", schema: .text(.init(lengths: 1...19, alphabet: .digits)),
            absent: "unknown-import"),
        PathParameter(
            name: "backup", schema: .text(.init(lengths: 1...19, alphabet: .digits)),
            absent: "unknown-backup"),
        PathParameter(name: "upgrade", schema: .id(UpgradeID.self), absent: "unknown-upgrade"),
        PathParameter(name: "key", schema: .id(KeyID.self), absent: "unknown-key"),
    ]

    /// Traps when there is none of that name: paths are written here, not read from anywhere.
    static func named(_ name: some StringProtocol) -> PathParameter {
        guard let parameter = all.first(where: { $0.name == name }) else {
            preconditionFailure("no path parameter is called \(name)")
        }
        return parameter
    }
}
