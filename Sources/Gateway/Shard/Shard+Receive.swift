import Bytes
import Linux
import MQTT
import Reactor
import TLS

// Bytes in and out of a connection: sockets, TLS, and the buffers between them and the packets.
extension Shard {
    // MARK: In

    /// Reads once from the socket and serves the packets that are complete.
    mutating func receive(_ slot: UInt32) {
        if context.wire[slot].isAtTheGate {
            return context.wire[slot].phase == .announcing
                ? receiveAnnouncement(slot) : receiveHello(slot)
        }
        var arrived = ByteBuffer()
        swap(&arrived, &context.wire.inbound)
        defer { swap(&arrived, &context.wire.inbound) }
        arrived.removeAll()
        let isPlain = context.wire[slot].tls == nil
        let carried = isPlain ? context.wire.carry(slot, into: &arrived) : 0

        let isClosed = !context.wire[slot].descriptor.socket.read(into: &arrived)
        if arrived.count > carried {
            if isPlain {
                takeArrived(slot, &arrived, from: carried)
            } else {
                decrypt(slot, arrived.span)
            }
        } else if carried > 0 {
            context.wire[slot].input.append(arrived.span)
        }
        if isClosed { end(slot, .connectionLost) }
    }

    mutating func decrypt(_ slot: UInt32, _ ciphertext: Span<UInt8>) {
        var clear = ByteBuffer()
        swap(&clear, &context.wire.plaintext)
        defer { swap(&clear, &context.wire.plaintext) }
        clear.removeAll()
        let carried = context.wire.carry(slot, into: &clear)
        var state = TLSSessionState.closed
        var failure: TLSError?
        do throws(TLSError) {
            let isHandshake = context.wire[slot].phase == .handshaking
            if isHandshake,
                context.commons.listeners[context.wire[slot].listener].takesPreSharedKeys
            {
                state = try shakeHands(slot, ciphertext, into: &clear)
            } else {
                state = try context.wire.decrypt(slot, ciphertext, into: &clear)
            }
        } catch {
            failure = error
        }
        guard let token = context.wire.token(of: slot) else { return }
        if failure == nil, state != .handshaking { noteEstablished(slot) }
        // Before what it sent is served: a CONNECT may send the connection home to another shard.
        if failure != nil || state == .closed { context.wire[slot].isPeerDone = true }
        if clear.count > carried {
            takeArrived(slot, &clear, from: carried)
        } else if carried > 0 {
            context.wire[slot].input.append(clear.span)
        }
        // Its home shard ends it, when the CONNECT has been served.
        guard context.wire.contains(token) else { return context.wire.dropPostHandshake() }
        context.wire.sendPostHandshake(slot)
        if let failure {
            if context.wire[slot].phase == .handshaking {
                endHandshake(slot, failure)
            } else {
                end(slot, .connectionLost)
            }
        } else if state == .closed {
            endIfPeerIsDone(slot)
        }
    }

    /// Takes what has come behind the first `carried` bytes, out of its WebSocket if it is in one.
    private mutating func takeArrived(
        _ slot: UInt32,
        _ arrived: inout ByteBuffer,
        from carried: Int
    ) {
        context.counters.add(.bytesReceived, arrived.count - carried)
        if context.wire[slot].webSocket != nil {
            return takeFrames(slot, &arrived, from: carried)
        }
        context.wire[slot].receivedTick = context.now.tick
        take(slot, &arrived)
    }

    private mutating func noteEstablished(_ slot: UInt32) {
        guard context.wire[slot].phase == .handshaking else { return }
        context.wire[slot].phase = .awaitingConnect
        context.answered.noteShakenHands(since: context.wire[slot].phaseBegan)
        context.wire[slot].phaseBegan = context.now.monotonic
        context.counters.add(.handshakesCompleted)
        if context.wire[slot].isResumed {
            context.counters.add(.handshakesResumed)
        }
        if context.wire[slot].isHandedOver {
            context.counters.add(.handshakesHandedOver)
        }
        context.wire.scheduleTimer(slot, at: context.now)
    }

    /// Serves the packets in `fresh`, and in what was kept before it; keeps what is left over. A
    /// connection without the half of a packet owns no memory for one.
    mutating func take(_ slot: UInt32, _ fresh: inout ByteBuffer) {
        context.wire.lendOutput(slot)
        if context.wire[slot].input.isEmpty {
            let used = servePackets(slot, fresh.span)
            if used < fresh.count, context.wire[slot].phase != .closing {
                let rest = fresh.span.extracting(used..<fresh.count)
                context.wire[slot].input.append(rest)
            }
        } else {
            var pending = ByteBuffer()
            swap(&pending, &context.wire[slot].input)
            pending.append(fresh.span)
            let used = servePackets(slot, pending.span)
            pending.removeFirst(used)
            if !pending.isEmpty, context.wire[slot].phase != .closing {
                swap(&pending, &context.wire[slot].input)
            }
        }
        context.wire[slot].freeEmptyInput()
        if let home = context.wire[slot].newHome {
            context.wire.sendPostHandshake(slot)
            sendHome(slot, to: Int(home))
            return
        }
        if !context.wire[slot].isFlushed { context.wire.flush(slot) }
        context.wire.takeBackOutput(slot)
    }

    /// Serves what has arrived while the connection was waiting for the ledger.
    mutating func resumeReading(_ slot: UInt32) {
        context.wire.updateInterest(slot)
        guard let token = context.wire.token(of: slot) else { return }
        var nothing = ByteBuffer()
        take(slot, &nothing)
        if context.wire.contains(token) { endIfPeerIsDone(slot) }
    }

    /// A peer that has said its last is let go of when what it has sent is served: a packet of it may
    /// wait for the ledger.
    mutating func endIfPeerIsDone(_ slot: UInt32) {
        if context.wire[slot].isPeerDone, context.wire[slot].isReading {
            end(slot, .connectionLost)
        }
    }
}

extension SocketHandle {
    /// Reads once. False when the peer has closed.
    @inline(__always)
    func read(into arrived: inout ByteBuffer) -> Bool {
        var isOpen = true
        do throws(Errno) {
            _ = try unsafe arrived.appendUnsafely(minimum: Wire.readBytes) {
                region throws(Errno) in
                // Safe: the region is the buffer's own free memory.
                switch try unsafe receive(into: region) {
                case .bytes(let count): return count
                case .wouldBlock: return 0
                case .closed:
                    isOpen = false
                    return 0
                }
            }
        } catch {
            isOpen = false
        }
        return isOpen
    }
}
