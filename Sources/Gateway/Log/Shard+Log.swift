import Ledger
import Linux
import Reactor
import Storage
import TLS

// What a shard tells the log and remembers of its devices. None of it is on the path of packets.
extension Shard {
    /// A connection is about to end, or is not let in.
    mutating func noteEnd(_ slot: UInt32, _ reason: Reason) {
        let isOpen = connections[slot: slot].phase == .open
        let client = connections[slot: slot].settings.client
        if case .device(let identity) = client {
            let outcome = DeviceHistory.Outcome(
                reason: reason,
                at: clock.wall,
                address: connections[slot: slot].peer,
                listener: connections[slot: slot].listener
            )
            if isOpen {
                history.noteEnding(outcome, of: identity)
            } else if reason != .connectionLost {
                // A client that went away while it waited was not refused.
                history.noteRefusal(outcome, of: identity)
            }
            if !isOpen { traceRefusal(slot, reason, of: identity) }
        }
        // The handshake has been logged with OpenSSL's words.
        if reason == .handshakeFailed { return }
        note(isOpen ? .ended(reason) : .refused(reason), slot)
    }

    func noteHandshakeFailure(_ slot: UInt32, _ error: TLSError) {
        guard log.isOn(.info) else { return }
        note(.handshakeFailed(LogRecord.TLSFailure(text: "\(error)")), slot)
    }

    /// The same of a connection that has no slot yet.
    func noteHandshakeFailure(_ error: TLSError, _ peer: SocketAddress, at listener: Int) {
        guard log.isOn(.info) else { return }
        log.note(
            LogRecord(
                event: .handshakeFailed(LogRecord.TLSFailure(text: "\(error)")), address: peer,
                listener: commons.listeners[listener].name))
    }

    /// A connection over a limit, which is closed before anything is known of it.
    func noteRefusedEarly(_ reason: Reason, _ peer: SocketAddress?, at listener: Int) {
        guard log.isOn(.info) else { return }
        log.note(
            LogRecord(
                event: .refused(reason), address: peer, listener: commons.listeners[listener].name))
    }

    /// The store has failed, for a client.
    func noteStoreFailure(
        _ activity: LogRecord.Activity,
        _ error: StoreError,
        _ slot: UInt32
    ) {
        note(.storeFailed(activity, error), slot)
    }

    /// The store has failed, for nobody who is connected.
    func noteStoreFailure(
        _ activity: LogRecord.Activity,
        _ error: StoreError,
        _ subject: LogRecord.Subject = .unknown
    ) {
        guard log.isOn(.error) else { return }
        log.note(LogRecord(event: .storeFailed(activity, error), subject: subject))
    }

    /// Something about a connection.
    func note(_ event: LogRecord.Event, _ slot: UInt32) {
        guard log.isOn(event.level) else { return }
        log.note(
            LogRecord(
                event: event,
                subject: LogRecord.Subject(connections[slot: slot].settings.client),
                address: connections[slot: slot].peer,
                listener: commons.listeners[connections[slot: slot].listener].name
            )
        )
    }

    func note(_ step: LogRecord.LeaseStep, of account: AccountID) {
        guard log.isOn(.debug) else { return }
        log.note(LogRecord(event: .lease(step), subject: .account(account)))
    }

    func outcomes(of identity: DeviceIdentity) -> DeviceOutcomes {
        guard let entry = history.entry(of: identity) else { return DeviceOutcomes() }
        return DeviceOutcomes(
            lastRefusal: entry.refusal.map { outcome($0) },
            lastEnding: entry.ending.map { outcome($0) }
        )
    }

    private func outcome(_ outcome: DeviceHistory.Outcome) -> ConnectionOutcome {
        ConnectionOutcome(
            reason: outcome.reason,
            at: outcome.at,
            address: "\(outcome.address)",
            listener: commons.listeners[outcome.listener].name
        )
    }
}

extension GatewayLog? {
    /// Whether a write has succeeded; if not, that is logged. On a store's thread.
    func takes<Value>(_ result: Result<Value, StoreError>, of activity: LogRecord.Activity) -> Bool
    {
        switch result {
        case .success: return true
        case .failure(let error):
            self?.note(LogRecord(event: .storeFailed(activity, error)))
            return false
        }
    }

    func noteLease(_ result: Result<Outcome, StoreError>, of account: AccountID) {
        guard let self, takes(result, of: .lease), case .success(let outcome) = result else {
            return
        }
        let isGranted = if case .leased = outcome.effect { true } else { false }
        self.note(
            LogRecord(event: .lease(isGranted ? .granted : .refused), subject: .account(account)))
    }
}

extension LogRecord.Subject {
    init(_ client: Client) {
        self =
            switch client {
            case .unknown: .unknown
            case .device(let identity): .device(identity)
            case .application(let application): .client(application.clientID)
            }
    }
}
