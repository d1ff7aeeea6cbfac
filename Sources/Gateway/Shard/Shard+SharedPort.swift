import Bytes
import Linux
import Reactor
import TLS

// A listener with `shareWithAPI`: what a ClientHello offers says whether the connection is one of MQTT.
extension Shard {
    /// Reads the ClientHello, whole, before anything is answered: then it is the session's, here or at the API.
    mutating func receiveHello(_ slot: UInt32) {
        var arrived = ByteBuffer()
        swap(&arrived, &context.wire.inbound)
        defer { swap(&arrived, &context.wire.inbound) }
        arrived.removeAll()
        let kept = context.wire.copyInput(slot, to: &arrived)
        let isClosed = !context.wire[slot].descriptor.socket.read(into: &arrived)
        switch ClientHello.read(arrived.span) {
        case .incomplete:
            context.wire[slot].input.append(arrived.span.extracting(kept..<arrived.count))
        case .offers(let protocols) where SharedPort.isForAPI(protocols):
            return giveToAPI(slot, arrived.span)
        case .offers, .unreadable:
            if kept > 0 { context.wire[slot].input.removeAll(keepingCapacity: false) }
            context.wire[slot].phase = .handshaking
            decrypt(slot, arrived.span)
        }
        if isClosed { end(slot, .connectionLost) }
    }

    /// From here on the connection is the API's, with what has come of it.
    private mutating func giveToAPI(_ slot: UInt32, _ arrived: Span<UInt8>) {
        let port = context.commons.sharedPort
        // While the gateway starts, and when it ends.
        guard port.isOpen, let connection = context.wire.release(slot) else {
            return end(slot, .serverBusy)
        }
        context.counters.add(.connectionsGivenToAPI)
        let peer = connection.peer
        port.leave(
            SharedPort.Visitor(
                connection.takeDescriptor(), peer: peer, arrived: arrived.bytesArray))
    }
}
