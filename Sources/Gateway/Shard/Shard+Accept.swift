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
                switch turnAway(at: listener) {
                case .closed: continue
                case .nobodyThere: return
                case .stillInLine: return pauseAccepting()
                }
            }
        }
    }

    private enum TurningAway { case closed, nobodyThere, stillInLine }

    /// Accepts a connection that there is no descriptor for, and closes it at once: in line it would wait
    /// and be told nothing.
    private mutating func turnAway(at listener: Int) -> TurningAway {
        let socket = listeners[listener].descriptor.socket
        var outcome = TurningAway.stillInLine
        var peer: SocketAddress?
        do throws(Errno) {
            let isLent = try spare.lend { () throws(Errno) in
                // Without a descriptor accept4(2) does not even say that nobody is there.
                guard let accepted = try socket.accept() else { return }
                peer = accepted.peer
            }
            if isLent { outcome = peer == nil ? .nobodyThere : .closed }
        } catch {
            // Another thread was faster, or it is another shortage: the connection stays in line.
        }
        guard outcome != .nobodyThere else { return outcome }
        context.commons.heartbeats.noteShortage(shard: context.index, at: context.now.monotonic)
        context.counters.add(.connectionsRefusedEarly)
        context.counters.add(ending: .noDescriptorLeft)
        context.wire.journal.noteRefusedEarly(.noDescriptorLeft, peer, at: listener)
        return outcome
    }

    /// Looks away from the listeners for a moment, as the connections that can't be taken would wake
    /// the shard in every turn.
    private mutating func pauseAccepting() {
        guard !isAcceptingPaused else { return }
        isAcceptingPaused = true
        acceptAgainAt = context.now.monotonic.adding(milliseconds: Self.acceptPauseMilliseconds)
        watchListeners(for: [])
    }

    mutating func resumeAcceptingIfDue() {
        guard isAcceptingPaused, context.now.monotonic >= acceptAgainAt else { return }
        isAcceptingPaused = false
        isAwaitingWelcomes = false
        watchListeners(for: .read)
    }

    private func watchListeners(for interest: Interest) {
        for (number, listener) in listeners.enumerated() {
            do throws(Errno) {
                try context.wire.epoll.modify(
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
        context.counters.add(.connectionsAccepted)
        let isEncrypted = context.commons.listeners[listener].isEncrypted
        if let reason = refusal(of: accepted.peer, at: listener) {
            context.counters.add(.connectionsRefusedEarly)
            context.counters.add(ending: reason)
            return context.wire.journal.noteRefusedEarly(reason, accepted.peer, at: listener)
        }
        var tls: TLSConnection?
        if isEncrypted {
            guard let contexts = context.wire.tlsContexts else {
                preconditionFailure("a listener with TLS has a context")
            }
            let isWebSocket = context.commons.listeners[listener].webSocket != nil
            do throws(TLSError) {
                tls = try TLSConnection(
                    accepting: isWebSocket ? contexts.webSocket : contexts.mqtt)
            } catch {
                context.counters.add(ending: .handshakeFailed)
                return context.wire.journal.noteHandshakeFailure(error, accepted.peer, at: listener)
            }
        }
        let peer = accepted.peer
        var connection = Connection(
            descriptor: accepted.takeDescriptor(),
            listener: listener,
            peer: peer,
            tls: tls,
            at: context.now
        )
        if context.commons.listeners[listener].webSocket != nil {
            connection.webSocket = WebSocketSession()
        }
        if context.commons.listeners[listener].proxies != nil {
            connection.phase = .announcing
        } else if context.commons.listeners[listener].isShared {
            connection.phase = .sorting
        }
        _ = context.wire.adopt(connection, at: context.now)
    }

    /// Why a connection that has just been accepted is closed at once; `nil` when it is taken.
    private mutating func refusal(of peer: SocketAddress, at listener: Int) -> Reason? {
        if isDraining { return .shuttingDown }
        if context.wire.isFull { return .serverBusy }
        if context.lacksDescriptors(forChild: false) { return .noDescriptorLeft }
        var source: SourceNetwork?
        if let proxies = context.commons.listeners[listener].proxies {
            // Whom it speaks for is counted when it has said so.
            guard proxies.contains(where: { $0.contains(peer.address) }) else {
                return .proxyNotTrusted
            }
        } else if let reason = context.wire.refusal(of: peer.address, at: context.now) {
            return reason
        } else {
            source = context.wire.source(of: peer.address)
        }
        return context.wire.takesNewcomer(of: source, at: context.now) ? nil : .serverBusy
    }

}
