/// A session as the store has it, whole.
public struct StoredSession: Equatable, Sendable {
    public let record: SessionRecord

    /// The queue, in order of the sequences.
    var queue: [(sequence: UInt64, record: QueueRecord)]

    /// The messages below it have been sent and counted, and ones from it on have not, unless the
    /// session was connected when its process ended.
    let sentBelow: UInt64

    /// What was taken of QoS 2 from the client, and awaits its PUBREL.
    public let received: ReceivedIdentifiers

    /// How many messages the queue has.
    public var queueCount: Int { queue.count }

    public static func == (left: Self, right: Self) -> Bool {
        left.record == right.record && left.sentBelow == right.sentBelow
            && left.received == right.received && left.queue.count == right.queue.count
            && zip(left.queue, right.queue).allSatisfy { $0 == $1 }
    }
}
