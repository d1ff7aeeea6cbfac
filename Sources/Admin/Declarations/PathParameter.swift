import Gateway
import Ledger

/// A part of a path that varies. Its name says what it is, so that a path declares its parameters.
struct PathParameter: Sendable {
    let name: String
    let schema: Schema

    /// The reason of the problem when there is no such thing.
    let absent: Reason

    /// What `:name` stands for; a new one is added here.
    private static let all = [
        PathParameter(name: "account", schema: .id(AccountID.self), absent: .unknownAccount),
        PathParameter(name: "email", schema: .email, absent: .unknownContact),
        PathParameter(name: "package", schema: .id(PackageID.self), absent: .unknownPackage),
        PathParameter(name: "pk", schema: .id(ProductKey.self), absent: .unknownProduct),
        PathParameter(name: "dk", schema: .id(DeviceKey.self), absent: .unknownDevice),
        PathParameter(
            name: "import", schema: .text(.init(lengths: 1...19, alphabet: .digits)),
            absent: .unknownImport),
        PathParameter(
            name: "backup", schema: .text(.init(lengths: 1...19, alphabet: .digits)),
            absent: .unknownBackup),
        PathParameter(name: "upgrade", schema: .id(UpgradeID.self), absent: .unknownUpgrade),
        PathParameter(name: "key", schema: .id(KeyID.self), absent: .unknownKey),
    ]

    /// Traps when there is none of that name: paths are written here, not read from anywhere.
    static func named(_ name: some StringProtocol) -> PathParameter {
        guard let parameter = all.first(where: { $0.name == name }) else {
            preconditionFailure("no path parameter is called \(name)")
        }
        return parameter
    }
}
