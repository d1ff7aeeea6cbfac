import Time

@testable import Sessions

/// A queue under test, by reference, as expectations can't change values.
final class Subject {
    var queue: DeliveryQueue

    init(keepsSent: Bool = true, limit: UInt16 = 10) {
        queue = DeliveryQueue(keepsSent: keepsSent, limit: limit)
    }

    init(restoring session: StoredSession, limit: UInt16) {
        queue = DeliveryQueue(restoring: session, limit: limit)
    }

    func isOpen() -> Bool { queue.isOpen() }
    func begin(isExactlyOnce: Bool) -> UInt16 { queue.begin(isExactlyOnce: isExactlyOnce) }

    func append(
        _ content: QueuedMessage,
        isStored: Bool = true,
        limits: QueueLimits = QueueLimits(messages: 100_000, bytes: 1 << 30)
    ) -> UInt64? {
        queue.append(content, isStored: isStored, limits: limits)
    }

    func next() -> OutgoingMessage? { queue.next() }
    func drop(_ sequence: UInt64) -> Bool { queue.drop(sequence) }
    func dropExpired(at time: Timestamp) -> [UInt64] { queue.dropExpired(at: time) }
    func acknowledge(_ packetID: UInt16) -> AcknowledgementOutcome { queue.acknowledge(packetID) }
    func receive(_ packetID: UInt16) -> AcknowledgementOutcome { queue.receive(packetID) }
    func refuse(_ packetID: UInt16) -> AcknowledgementOutcome { queue.refuse(packetID) }
    func release(_ sequence: UInt64) -> UInt16? { queue.release(sequence) }
    func complete(_ packetID: UInt16) -> AcknowledgementOutcome { queue.complete(packetID) }

    /// Sends what may be sent; answers the payloads.
    func sendAll() -> [String] {
        var sent: [String] = []
        while let next = queue.next() {
            let text = String(decoding: next.content.message.payload, as: UTF8.self)
            sent.append(next.isDuplicate ? "\(text) again" : text)
            queue.didSend(next)
        }
        return sent
    }
}
