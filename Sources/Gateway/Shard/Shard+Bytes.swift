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
        var arrived = ByteBuffer()
        swap(&arrived, &inbound)
        defer { swap(&arrived, &inbound) }
        arrived.removeAll()
        let isPlain = connections[slot: slot].tls == nil
        let carried = isPlain ? carry(slot, into: &arrived) : 0

        let socket = connections[slot: slot].descriptor.socket
        var isClosed = false
        do throws(Errno) {
            _ = try unsafe arrived.appendUnsafely(minimum: Self.readBytes) {
                region throws(Errno) in
                // Safe: the region is the buffer's own free memory.
                switch try unsafe socket.receive(into: region) {
                case .bytes(let count): return count
                case .wouldBlock: return 0
                case .closed:
                    isClosed = true
                    return 0
                }
            }
        } catch {
            isClosed = true
        }
        if arrived.count > carried {
            if isPlain {
                takeArrived(slot, &arrived, from: carried)
            } else {
                decrypt(slot, arrived.span)
            }
        } else if carried > 0 {
            connections[slot: slot].input.append(arrived.span)
        }
        if isClosed { end(slot, .connectionLost) }
    }

    private mutating func decrypt(_ slot: UInt32, _ ciphertext: Span<UInt8>) {
        var clear = ByteBuffer()
        swap(&clear, &plaintext)
        defer { swap(&clear, &plaintext) }
        clear.removeAll()
        let carried = carry(slot, into: &clear)
        records.removeAll()
        var state = TLSSessionState.closed
        var failure: TLSError?
        do throws(TLSError) {
            state =
                try connections[slot: slot].tls?.receive(
                    ciphertext,
                    through: &port,
                    into: &clear,
                    output: &records
                ) ?? .closed
        } catch {
            failure = error
        }
        guard let token = connections.token(ofSlot: slot) else { return }
        if !records.isEmpty { sendRecords(slot) }
        if failure == nil, state != .handshaking { noteEstablished(slot) }
        if clear.count > carried {
            takeArrived(slot, &clear, from: carried)
        } else if carried > 0 {
            connections[slot: slot].input.append(clear.span)
        }
        // A CONNECT may have sent the connection home to another shard, which meets the end itself.
        guard connections.contains(token) else { return }
        if let failure {
            let isHandshake = connections[slot: slot].phase == .handshaking
            if isHandshake { noteHandshakeFailure(slot, failure) }
            end(slot, isHandshake ? .handshakeFailed : .connectionLost)
        } else if state == .closed {
            connections[slot: slot].isPeerDone = true
            endIfPeerIsDone(slot)
        }
    }

    /// Takes what has come behind the first `carried` bytes, out of its WebSocket if it is in one.
    private mutating func takeArrived(
        _ slot: UInt32,
        _ arrived: inout ByteBuffer,
        from carried: Int
    ) {
        counters.add(.bytesReceived, arrived.count - carried)
        if connections[slot: slot].webSocket != nil {
            return takeFrames(slot, &arrived, from: carried)
        }
        connections[slot: slot].receivedTick = tick
        take(slot, &arrived)
    }

    /// Moves the start of a packet that was kept in front of what is about to arrive, so that both are
    /// served in one piece of warm memory. A long one stays where it is: it is not worth moving.
    private mutating func carry(_ slot: UInt32, into buffer: inout ByteBuffer) -> Int {
        let count = connections[slot: slot].input.count
        guard count > 0, count <= Self.carriedBytes else { return 0 }
        buffer.append(connections[slot: slot].input.span)
        connections[slot: slot].input.removeAll()
        return count
    }

    private static var carriedBytes: Int { 4_096 }

    private mutating func noteEstablished(_ slot: UInt32) {
        guard connections[slot: slot].phase == .handshaking else { return }
        connections[slot: slot].phase = .awaitingConnect
        connections[slot: slot].phaseTick = tick
        counters.add(.handshakesCompleted)
        if connections[slot: slot].isResumed { counters.add(.handshakesResumed) }
        scheduleTimer(slot)
    }

    /// Serves the packets in `fresh`, and in what was kept before it; keeps what is left over. A
    /// connection without the half of a packet owns no memory for one.
    mutating func take(_ slot: UInt32, _ fresh: inout ByteBuffer) {
        lendOutput(slot)
        if connections[slot: slot].input.isEmpty {
            let used = servePackets(slot, fresh.span)
            if used < fresh.count, connections[slot: slot].phase != .closing {
                let rest = fresh.span.extracting(used..<fresh.count)
                connections[slot: slot].input.append(rest)
            }
        } else {
            var pending = ByteBuffer()
            swap(&pending, &connections[slot: slot].input)
            pending.append(fresh.span)
            let used = servePackets(slot, pending.span)
            pending.removeFirst(used)
            if !pending.isEmpty, connections[slot: slot].phase != .closing {
                swap(&pending, &connections[slot: slot].input)
            }
        }
        if connections[slot: slot].input.isEmpty {
            connections[slot: slot].input.removeAll(keepingCapacity: false)
        }
        if let home = connections[slot: slot].newHome {
            sendHome(slot, to: home)
            return
        }
        flush(slot)
        takeBackOutput(slot)
    }

    /// Serves what has arrived while the connection was waiting for the ledger.
    mutating func resumeReading(_ slot: UInt32) {
        updateInterest(slot)
        guard let token = connections.token(ofSlot: slot) else { return }
        var nothing = ByteBuffer()
        take(slot, &nothing)
        if connections.contains(token) { endIfPeerIsDone(slot) }
    }

    /// A peer that has said its last is let go of when what it has sent is served: a packet of it may
    /// wait for the ledger.
    private mutating func endIfPeerIsDone(_ slot: UInt32) {
        if connections[slot: slot].isPeerDone, connections[slot: slot].isReading {
            end(slot, .connectionLost)
        }
    }

    /// A connection being served writes into warm memory; it has its own only when the socket is
    /// full.
    mutating func lendOutput(_ slot: UInt32) {
        if connections[slot: slot].output.capacity == 0 {
            swap(&connections[slot: slot].output, &spareOutput)
        }
    }

    /// An empty buffer is nobody's: it is lent again, or freed when one is kept already or it has
    /// grown large.
    mutating func takeBackOutput(_ slot: UInt32) {
        guard connections[slot: slot].output.isEmpty else { return }
        let isKept =
            spareOutput.capacity == 0 && connections[slot: slot].output.capacity <= Self.readBytes
        if isKept {
            swap(&connections[slot: slot].output, &spareOutput)
        } else {
            connections[slot: slot].output.removeAll(keepingCapacity: false)
        }
    }

    // MARK: Out

    /// Has the connection flushed at the end of the turn.
    mutating func flushLater(_ slot: UInt32) {
        guard !connections[slot: slot].isFlushListed,
            let token = connections.token(ofSlot: slot)
        else { return }
        connections[slot: slot].isFlushListed = true
        flushList.append(token)
    }

    mutating func flushAll() {
        while let token = flushList.popLast() {
            guard connections.contains(token) else { continue }
            connections[slot: token.slot].isFlushListed = false
            flush(token.slot)
            if connections[slot: token.slot].output.isEmpty {
                connections[slot: token.slot].output.removeAll(keepingCapacity: false)
            }
        }
    }

    /// Sends as much of what waits as the socket takes.
    mutating func flush(_ slot: UInt32) {
        let isTraced = connections[slot: slot].isTraced
        if isTraced { traceOutgoing(slot) }
        if connections[slot: slot].webSocket != nil { connections[slot: slot].wrapOutput() }
        if connections[slot: slot].tls == nil {
            sendPlain(slot)
        } else {
            flushEncrypted(slot)
        }
        if connections[slot: slot].webSocket != nil { connections[slot: slot].noteOutputSent() }
        if isTraced { traces.setShownBytes(slot, connections[slot: slot].output.count) }
        updateInterest(slot)
    }

    private mutating func flushEncrypted(_ slot: UInt32) {
        if !connections[slot: slot].ciphertext.isEmpty {
            records.removeAll()
            sendRecords(slot)
        }
        guard connections[slot: slot].ciphertext.isEmpty,
            !connections[slot: slot].output.isEmpty
        else { return }
        var output = ByteBuffer()
        swap(&output, &connections[slot: slot].output)
        records.removeAll()
        do throws(TLSError) {
            try connections[slot: slot].tls?.send(
                output.span,
                through: &port,
                output: &records
            )
        } catch {
            end(slot, .connectionLost)
        }
        output.removeAll()
        swap(&output, &connections[slot: slot].output)
        sendRecords(slot)
    }

    private mutating func sendPlain(_ slot: UInt32) {
        guard !connections[slot: slot].output.isEmpty else { return }
        let socket = connections[slot: slot].descriptor.socket
        do throws(Errno) {
            let sent = try socket.sent(of: connections[slot: slot].output.span)
            counters.add(.bytesSent, sent)
            connections[slot: slot].output.removeFirst(sent)
        } catch {
            connections[slot: slot].output.removeAll()
            end(slot, .connectionLost)
        }
    }

    /// Sends what an earlier turn left, then `records`, and keeps what the socket does not take.
    private mutating func sendRecords(_ slot: UInt32) {
        var fresh = ByteBuffer()
        swap(&fresh, &records)
        defer { swap(&fresh, &records) }
        let socket = connections[slot: slot].descriptor.socket
        do throws(Errno) {
            if connections[slot: slot].ciphertext.isEmpty {
                let sent = try socket.sent(of: fresh.span)
                counters.add(.bytesSent, sent)
                if sent < fresh.count {
                    let rest = fresh.span.extracting(sent..<fresh.count)
                    connections[slot: slot].ciphertext.append(rest)
                }
            } else {
                connections[slot: slot].ciphertext.append(fresh.span)
                let sent = try socket.sent(of: connections[slot: slot].ciphertext.span)
                counters.add(.bytesSent, sent)
                connections[slot: slot].ciphertext.removeFirst(sent)
                if connections[slot: slot].ciphertext.isEmpty {
                    connections[slot: slot].ciphertext.removeAll(keepingCapacity: false)
                }
            }
        } catch {
            connections[slot: slot].ciphertext.removeAll(keepingCapacity: false)
            end(slot, .connectionLost)
        }
    }

    /// Watches for what the connection can use: room when bytes wait, and bytes unless it is waiting
    /// for the ledger or is so far behind with reading that its own answers pile up.
    mutating func updateInterest(_ slot: UInt32) {
        guard connections[slot: slot].phase != .closing else { return }
        var wanted: Interest = []
        let waiting = connections[slot: slot].waitingBytes
        if waiting > 0 { wanted.insert(.write) }
        if connections[slot: slot].isReading, waiting < commons.limits.queueBytes {
            wanted.insert(.read)
        }
        guard wanted != connections[slot: slot].interest,
            let token = connections.token(ofSlot: slot)
        else { return }
        connections[slot: slot].interest = wanted
        let number = connections[slot: slot].descriptor.rawValue
        do throws(Errno) {
            try epoll.modify(number, interest: wanted, userData: token.rawValue)
        } catch {
            preconditionFailure("epoll_ctl: \(error)")
        }
    }
}

extension SocketHandle {
    /// How many of the bytes the socket took; none when it is full.
    fileprivate func sent(of bytes: Span<UInt8>) throws(Errno) -> Int {
        switch try send(bytes) {
        case .sent(let count): count
        case .wouldBlock: 0
        }
    }
}
