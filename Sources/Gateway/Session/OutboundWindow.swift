import DequeModule
import MQTT
import Sessions

/// QoS 1 messages towards one client: at most `limit` unacknowledged ones (the client's Receive
/// Maximum, [MQTT-3.3.4-9]), the rest waiting in order, bounded by count and bytes.
///
/// Owns no memory until a message has to be acknowledged.
struct OutboundWindow {
    /// A message in line, and since when, in ticks of the shard's timer wheel.
    struct Waiting {
        let message: Message
        let units: UInt32
        let since: UInt64
    }

    /// Packet identifiers that the client has not acknowledged, oldest first.
    private var unacknowledged: [UInt16] = []
    private var waiting: Deque<Waiting> = []
    private var waitingBytes = 0
    private var lastPacketID: UInt16 = 0
    private let limit: UInt16

    /// What the messages in line will count against an allowance.
    private(set) var waitingUnits: UInt32 = 0

    init(limit: UInt16) { self.limit = limit }

    /// Whether a message may be sent now rather than wait.
    var isOpen: Bool { waiting.isEmpty && hasRoom }

    /// Whether a message may be sent now that is in front of those that wait.
    var hasRoom: Bool { unacknowledged.count < Int(limit) }

    var unacknowledgedCount: Int { unacknowledged.count }

    /// A packet identifier for a message that is being sent: not zero, not in use ([MQTT-2.2.1-4]).
    mutating func begin() -> UInt16 {
        repeat {
            lastPacketID = lastPacketID == .max ? 1 : lastPacketID + 1
        } while unacknowledged.contains(lastPacketID)
        unacknowledged.append(lastPacketID)
        return lastPacketID
    }

    /// The client has acknowledged it. False when there was no such message.
    mutating func acknowledge(_ packetID: UInt16) -> Bool {
        guard let index = unacknowledged.firstIndex(of: packetID) else { return false }
        unacknowledged.remove(at: index)
        return true
    }

    /// Puts a message in line. False when the line is full: it is dropped, and counted by the caller.
    mutating func enqueue(
        _ message: Message,
        units: UInt32,
        _ wait: MessageWait,
        limits: (messages: Int, bytes: Int)
    ) -> Bool {
        guard waiting.count < limits.messages,
            waitingBytes + message.byteCount <= limits.bytes
        else { return false }
        let entry = Waiting(message: message, units: units, since: wait.since)
        if wait.isFromLine { waiting.prepend(entry) } else { waiting.append(entry) }
        waitingBytes += message.byteCount
        waitingUnits += units
        return true
    }

    /// The next message, when the window has room for it.
    mutating func next() -> Waiting? {
        guard hasRoom, !waiting.isEmpty else { return nil }
        let next = waiting.removeFirst()
        waitingBytes -= next.message.byteCount
        waitingUnits -= next.units
        if waiting.isEmpty { waiting = [] }
        return next
    }
}
