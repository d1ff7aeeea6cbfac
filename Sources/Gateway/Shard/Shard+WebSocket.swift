import Bytes
import Reactor
import WebSocket

// MQTT in WebSockets (RFC 6455; MQTT 5.0 and 3.1.1, 6): between TLS and the packets.
extension Shard {
    /// Takes what has come behind the first `carried` bytes out of its frames, and serves the packets
    /// in it. What keeps a client alive are packets ([MQTT-3.1.2-22]), not Pings of the WebSocket.
    mutating func takeFrames(
        _ slot: UInt32,
        _ arrived: inout ByteBuffer,
        from carried: Int
    ) {
        guard let token = context.wire.token(of: slot),
            let policy = context.commons.listeners[context.wire[slot].listener]
                .webSocket
        else { return }
        context.wire.lendOutput(slot)
        context.wire[slot].unwrap(
            &arrived,
            from: carried,
            policy: policy,
            frameLimit: context.commons.limits.packetBytes
        )
        if arrived.count > carried {
            context.wire[slot].receivedTick = context.now.tick
        }
        take(slot, &arrived)
        // CONNECT may have sent the connection home to another shard, which heeds it there.
        if context.wire.contains(token) { heedWebSocket(slot) }
    }

    /// Ends a connection whose WebSocket is over, after the packets that came before that.
    mutating func heedWebSocket(_ slot: UInt32) {
        switch context.wire[slot].webSocketState {
        case .opening, .open, .ended, nil: break
        case .refused: end(slot, .webSocketRefused)
        case .closedByPeer:
            // A packet before its Close frame may be held.
            context.wire[slot].isPeerDone = true
            endIfPeerIsDone(slot)
        case .failed: end(slot, .webSocketViolation)
        }
    }

}
