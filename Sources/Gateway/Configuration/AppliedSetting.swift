/// One key of the configuration that a gateway has started with.
public struct AppliedSetting: Equatable, Sendable {
    /// `limits.packetSizeBytes`, or of a listener `listeners.NAME.port`.
    public let key: String

    /// As it is written: the elements of a list with blanks between; `nil` when nothing is set.
    public let value: String?

    /// The file with its line, the environment variable, or the argument; `nil`: the default holds.
    public let origin: String?

    public init(key: String, value: String?, origin: String?) {
        self.key = key
        self.value = value
        self.origin = origin
    }
}
