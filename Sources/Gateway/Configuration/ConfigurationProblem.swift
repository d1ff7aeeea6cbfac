/// Why a configuration can't be used: one setting, and what is wrong with it.
public struct ConfigurationProblem: Error, Equatable, Sendable, CustomStringConvertible {
    /// Where the setting is: `limits.packetSizeBytes`, `listeners[1].port`.
    public let path: String

    /// What is wrong with it, as the rest of a sentence: `must be from 1 to 64, and is 99`.
    public let reason: String

    public init(path: String, reason: String) {
        self.path = path
        self.reason = reason
    }

    public var description: String { "\(path): \(reason)" }
}
