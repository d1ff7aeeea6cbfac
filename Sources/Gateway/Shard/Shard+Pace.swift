import Bytes
import Reactor

// Publishers that wait for applications whose queues are full.
extension Shard {
    /// Looks at who has room again, and serves those who have waited for that: each as far as there is
    /// room, those who got nowhere first the next time.
    mutating func servePublishersThatWait() {
        guard broker.mayHoldPublishers else { return }
        broker.lookAtCrowded(in: &context)
        var waitedInVain: [Token] = []
        for token in broker.takeWaitingPublishers() where context.wire.contains(token) {
            let before = context.wire[token.slot].input.count
            unpark(token)
            guard context.wire.contains(token),
                context.wire[token.slot].holdsPacket, !context.wire[token.slot].isDelayed,
                context.wire[token.slot].input.count == before
            else { continue }
            waitedInVain.append(token)
        }
        broker.returnWaitingPublishers(waitedInVain)
    }
}
