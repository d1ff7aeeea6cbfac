/// Why the secrets directory can't be used: which file, and what to do about it.
public struct SecretsProblem: Error, Equatable, Sendable, CustomStringConvertible {
    /// A file, or `FILE:LINE`.
    public let path: String
    public let reason: String

    public var description: String { "\(path): \(reason)" }
}
