/// That a message to a client has waited.
struct MessageWait: Sendable {
    /// When it came, in ticks of the shard's timer wheel.
    let since: UInt64

    /// It was in line for the client's window: it goes in front of those that still are.
    var isFromLine = false
}
