import Bytes
import Linux
import Reactor

// A listener with `proxyProtocol`: before anything else the proxy says whom it speaks for.
extension Shard {
    /// Reads the proxy's header, and not a byte more: what follows is the client's.
    mutating func receiveAnnouncement(_ slot: UInt32) {
        var arrived = ByteBuffer()
        swap(&arrived, &context.wire.inbound)
        defer { swap(&arrived, &context.wire.inbound) }
        arrived.removeAll()
        let kept = context.wire.copyInput(slot, to: &arrived)
        let socket = context.wire[slot].descriptor.socket
        do throws(Errno) {
            guard try socket.peek(into: &arrived) else { return end(slot, .connectionLost) }
            switch ProxyHeader.read(arrived.span) {
            case .incomplete:
                try socket.skip(arrived.count - kept)
                let fresh = arrived.span.extracting(kept..<arrived.count)
                context.wire[slot].input.append(fresh)
            case .complete(let length, let source):
                try socket.skip(length - kept)
                if kept > 0 {
                    context.wire[slot].input.removeAll(keepingCapacity: false)
                }
                announced(slot, source)
            case .malformed: end(slot, .proxyHeaderInvalid)
            }
        } catch {
            end(slot, .connectionLost)
        }
    }

    /// From here on the connection is the client's: limits, log, history and traces go by its address.
    private mutating func announced(_ slot: UInt32, _ source: SocketAddress?) {
        if let source {
            context.wire[slot].peer = source
            if let reason = context.wire.refusal(of: source.address, at: context.now) {
                return end(slot, reason)
            }
        }
        let listener = context.commons.listeners[context.wire[slot].listener]
        context.wire.nameNewcomer(
            slot,
            phase: listener.isShared
                ? .sorting : listener.isEncrypted ? .handshaking : .awaitingConnect,
            at: context.now)
        context.wire.scheduleTimer(slot, at: context.now)
    }
}

extension SocketHandle {
    /// Appends what is there without taking it. False when the peer has closed.
    fileprivate func peek(into buffer: inout ByteBuffer) throws(Errno) -> Bool {
        var isOpen = true
        _ = try unsafe buffer.appendUnsafely(minimum: ProxyHeader.lengthMaximum) {
            region throws(Errno) in
            // Safe: the region is the buffer's own free memory.
            switch try unsafe peek(into: region) {
            case .bytes(let count): return count
            case .wouldBlock: return 0
            case .closed:
                isOpen = false
                return 0
            }
        }
        return isOpen
    }
}
