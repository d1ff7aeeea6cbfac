import Bytes
import Linux
import Reactor
import TLS
import WebSocket

/// One listening socket of a shard; every shard has one for each listener (`SO_REUSEPORT`). Letting
/// go of it closes it.
final class ListeningSocket: Sendable {
    let descriptor: Descriptor

    init(_ descriptor: consuming Descriptor) { self.descriptor = descriptor }
}

extension Shard {
    /// Takes the connections that wait at a listener, as many as a turn should.
    mutating func accept(_ listener: Int) {
        guard listeners.indices.contains(listener) else { return }
        for _ in 0..<64 {
            do throws(Errno) {
                guard let accepted = try listeners[listener].descriptor.socket.accept() else {
                    return
                }
                open(accepted, at: listener)
            } catch {
                // Out of descriptors: the connection stays in line until one is free.
                counters.add(.connectionsRefusedEarly)
                noteRefusedEarly(.serverBusy, nil, at: listener)
                return pauseAccepting()
            }
        }
    }

    /// Looks away from the listeners for a moment, as the connections that can't be taken would wake
    /// the shard in every turn.
    private mutating func pauseAccepting() {
        guard !isAcceptingPaused else { return }
        isAcceptingPaused = true
        acceptAgainAt = clock.monotonic.adding(milliseconds: Self.acceptPauseMilliseconds)
        watchListeners(for: [])
    }

    mutating func resumeAcceptingIfDue() {
        guard isAcceptingPaused, clock.monotonic >= acceptAgainAt else { return }
        isAcceptingPaused = false
        watchListeners(for: .read)
    }

    private func watchListeners(for interest: Interest) {
        for (number, listener) in listeners.enumerated() {
            do throws(Errno) {
                try epoll.modify(
                    listener.descriptor.rawValue,
                    interest: interest,
                    userData: Self.listenerToken(number).rawValue
                )
            } catch {
                preconditionFailure("epoll_ctl: \(error)")
            }
        }
    }

    /// At most what a shard without work sleeps.
    private static var acceptPauseMilliseconds: Int64 { 1_000 }

    private mutating func open(_ accepted: consuming AcceptedSocket, at listener: Int) {
        counters.add(.connectionsAccepted)
        let isEncrypted = commons.listeners[listener].isEncrypted
        guard !isDraining, !connections.isFull, unadmitted < commons.limits.unadmittedPerShard
        else {
            let reason = isDraining ? Reason.shuttingDown : .serverBusy
            counters.add(.connectionsRefusedEarly)
            counters.add(ending: reason)
            return noteRefusedEarly(reason, accepted.peer, at: listener)
        }
        var session: TLSSession?
        if isEncrypted {
            guard let context = tlsContext else {
                preconditionFailure("a listener with TLS has a context")
            }
            do throws(TLSError) {
                session = try TLSSession(accepting: context)
            } catch {
                counters.add(ending: .handshakeFailed)
                return noteHandshakeFailure(error, accepted.peer, at: listener)
            }
        }
        let peer = accepted.peer
        var connection = Connection(
            descriptor: accepted.takeDescriptor(),
            listener: listener,
            peer: peer,
            tls: session,
            tick: tick
        )
        if commons.listeners[listener].webSocket != nil {
            connection.webSocket = WebSocketSession()
        }
        adopt(connection)
    }

    /// Gives a connection a slot, a timer and a place in epoll. It is closed when epoll has no room.
    @discardableResult
    mutating func adopt(_ connection: consuming Connection) -> UInt32? {
        let number = connection.descriptor.rawValue
        guard let token = connections.insert(connection) else {
            counters.add(.connectionsRefusedEarly)
            return nil
        }
        do throws(Errno) {
            try SocketHandle(rawValue: number).disableDelay()
            try epoll.add(number, interest: .read, userData: token.rawValue)
        } catch {
            _ = connections.remove(token)
            counters.add(.connectionsRefusedEarly)
            return nil
        }
        connections[slot: token.slot].interest = .read
        unadmitted += 1
        scheduleTimer(token.slot)
        return token.slot
    }
}
