/// Names one connection for its whole life and never another one: the slot it lives in, and how
/// often the slot had changed hands.
///
/// A connection's generation is odd. So the numbers whose upper half is zero (`reserved`) name no
/// connection, and are free for whatever else a reactor watches.
@frozen
public struct Token: Hashable, Sendable {
    public let slot: UInt32
    public let generation: UInt32

    @inlinable
    public init(slot: UInt32, generation: UInt32) {
        self.slot = slot
        self.generation = generation
    }

    /// From the number that travelled through epoll or another thread.
    @inlinable
    public init(rawValue: UInt64) {
        slot = UInt32(truncatingIfNeeded: rawValue)
        generation = UInt32(truncatingIfNeeded: rawValue >> 32)
    }

    @inlinable
    public var rawValue: UInt64 { UInt64(generation) << 32 | UInt64(slot) }

    /// A number for something that is not a connection: a listener, the mailbox.
    @inlinable
    public static func reserved(_ number: UInt32) -> Token { Token(slot: number, generation: 0) }

    /// Made by `reserved`; `slot` is the number it was made of.
    @inlinable
    public var isReserved: Bool { generation == 0 }
}
