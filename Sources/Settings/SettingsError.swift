/// Why there is no configuration to start with: one line, the place first.
///
/// `config/tollgate.yaml:12: limits.packetSizeBytes: must be from 128 to 268435460, and is 5`
public struct SettingsError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The file with its line, the environment variable, or the argument.
    public let origin: String

    /// The path of the key; `nil` when it is not about one key.
    public let path: String?

    /// What is wrong, as the rest of a sentence.
    public let reason: String

    init(origin: String, path: String? = nil, reason: String) {
        self.origin = origin
        self.path = path
        self.reason = reason
    }

    public var description: String {
        [origin, path, reason].compactMap { $0 }.joined(separator: ": ")
    }
}
