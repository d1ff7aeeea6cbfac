public import Ledger
public import Time

/// Counts on their way from one shard's memory to the usage store.
public struct UsageBatch: Sendable {
    /// Names the batch to the meter that made it, when the store has answered.
    public let number: UInt64

    /// When the counts were taken.
    public let takenAt: Timestamp
    public let entries: [Entry]

    /// The whole count of a device's day, not what was added to it: writing one twice is harmless.
    public struct Entry: Sendable {
        public let device: DeviceIdentity
        public let usage: DayUsage
    }
}
