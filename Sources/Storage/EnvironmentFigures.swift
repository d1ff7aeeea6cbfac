/// How full an environment is, for metrics and alarms.
public struct EnvironmentFigures: Hashable, Sendable {
    /// The most the store can grow to.
    public let mapSizeBytes: Int

    /// Up to where pages have been used; freed pages below it are used again.
    public let mapUsedBytes: Int

    /// Number of the newest committed transaction.
    public let lastTransaction: Int

    /// Reader slots in use and there are.
    public let readers: Int
    public let maximumReaders: Int

    /// Share of the map that is used, 0 to 1: the alarm is at 0.8.
    public var mapUsedRatio: Double { Double(mapUsedBytes) / Double(mapSizeBytes) }
}
