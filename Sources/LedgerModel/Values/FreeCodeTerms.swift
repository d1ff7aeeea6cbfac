/// On what terms free codes are given (rule A7). They are configuration, so commands carry them: the
/// books decide from the command alone.
public struct FreeCodeTerms: Hashable, Sendable {
    public let policy: FreeCodePolicy

    /// What the codes are of.
    public let package: PackageID

    /// What the package allows if the first free codes make it. One that exists stays as it is.
    public let allowance: Allowance

    public init(policy: FreeCodePolicy, package: PackageID, allowance: Allowance) {
        self.policy = policy
        self.package = package
        self.allowance = allowance
    }
}
