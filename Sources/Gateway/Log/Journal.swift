import Ledger
import Linux
import Reactor
import Storage
import Synchronization
import Time
import TLS

/// What a shard tells the log and remembers of its devices: refusals, endings, failures of the store. None of
/// it is on the path of packets, but for those of a device that is traced.
struct Journal: ~Copyable {
    let log: ShardLog

    /// The listeners' names, by their numbers.
    let listeners: [String]

    /// The time of the shard's turn.
    var now: Timestamp
    private var history = DeviceHistory()
    var traces = DeviceTraces()
    var foreignTraces = ForeignReaders<DeviceTrace>()
    var watches = PresenceWatches()
    var foreignWatches = ForeignReaders<PresenceWatch>()

    /// Gives the struct an address, so that no call copies it.
    private let anchor = Atomic<Bool>(false)

    init(_ log: ShardLog, listeners: [String], at time: Timestamp) {
        self.log = log
        self.listeners = listeners
        now = time
    }

    /// A connection is about to end, or is not let in: what the log and the traces hear of it.
    func noteEnd(_ connection: borrowing Connection, _ reason: Reason) {
        let isOpen = connection.phase == .open
        if !isOpen, case .device(let client) = connection.settings.client {
            traceRefusal(connection, reason, of: client.identity)
        }
        // The handshake has been logged with OpenSSL's words.
        if reason == .handshakeFailed { return }
        note(isOpen ? .ended(reason) : .refused(reason), connection)
    }

    /// What is remembered of a device: how its last connection ended, or why it was not let in.
    mutating func remember(
        _ outcome: DeviceHistory.Outcome,
        of identity: DeviceIdentity,
        wasOpen: Bool
    ) {
        if wasOpen {
            history.noteEnding(outcome, of: identity)
        } else if outcome.reason != .connectionLost, outcome.reason != .parentGone {
            // A client that went away while it waited was not refused.
            history.noteRefusal(outcome, of: identity)
        }
    }

    func noteHandshakeFailure(_ connection: borrowing Connection, _ error: TLSError) {
        guard log.isOn(.info) else { return }
        note(.handshakeFailed(LogRecord.TLSFailure(text: "\(error)")), connection)
    }

    /// The same of a connection that has no slot yet.
    func noteHandshakeFailure(_ error: TLSError, _ peer: SocketAddress, at listener: Int) {
        guard log.isOn(.info) else { return }
        log.note(
            LogRecord(
                event: .handshakeFailed(LogRecord.TLSFailure(text: "\(error)")), address: peer,
                listener: listeners[listener]))
    }

    /// A connection over a limit, which is closed before anything is known of it.
    func noteRefusedEarly(_ reason: Reason, _ peer: SocketAddress?, at listener: Int) {
        guard log.isOn(.info) else { return }
        log.note(
            LogRecord(event: .refused(reason), address: peer, listener: listeners[listener]))
    }

    /// The store has failed, but not for a connection.
    func noteStoreFailure(
        _ activity: LogRecord.Activity,
        _ error: StoreError,
        _ subject: LogRecord.Subject = .unknown
    ) {
        guard log.isOn(.error) else { return }
        log.note(LogRecord(event: .storeFailed(activity, error), subject: subject))
    }

    /// Something about a connection.
    func note(_ event: LogRecord.Event, _ connection: borrowing Connection) {
        guard log.isOn(event.level) else { return }
        log.note(
            LogRecord(
                event: event,
                subject: LogRecord.Subject(connection.settings.client),
                address: connection.peer,
                listener: listeners[connection.listener]
            )
        )
    }

    func note(_ step: LogRecord.LeaseStep, of account: AccountID) {
        guard log.isOn(.debug) else { return }
        log.note(LogRecord(event: .lease(step), subject: .account(account)))
    }

    /// Where the device was when its last connection ended, as far as that is remembered.
    func lastEnding(of identity: DeviceIdentity) -> IPAddress? {
        history.entry(of: identity)?.ending?.address.address
    }

    func outcomes(of identity: DeviceIdentity) -> DeviceOutcomes {
        guard let entry = history.entry(of: identity) else { return DeviceOutcomes() }
        return DeviceOutcomes(
            lastRefusal: entry.refusal.map { outcome($0) },
            lastEnding: entry.ending.map { outcome($0) }
        )
    }

    func lastRefusal(of identity: DeviceIdentity) -> ConnectionOutcome? {
        history.entry(of: identity)?.refusal.map { outcome($0) }
    }

    private func outcome(_ outcome: DeviceHistory.Outcome) -> ConnectionOutcome {
        ConnectionOutcome(
            reason: outcome.reason,
            at: outcome.at,
            address: "\(outcome.address)",
            listener: listeners[outcome.listener]
        )
    }
}

extension Wire {
    /// A connection is about to end, or is not let in.
    mutating func noteEnd(_ slot: UInt32, _ reason: Reason) {
        journal.noteEnd(connections[slot: slot], reason)
        guard case .device(let client) = connections[slot: slot].settings.client else { return }
        let outcome = DeviceHistory.Outcome(
            reason: reason,
            at: journal.now,
            address: connections[slot: slot].peer,
            listener: connections[slot: slot].listener
        )
        let wasOpen = connections[slot: slot].phase == .open
        journal.remember(outcome, of: client.identity, wasOpen: wasOpen)
    }

    /// Something about a connection, for the log.
    func note(_ event: LogRecord.Event, _ slot: UInt32) {
        journal.note(event, connections[slot: slot])
    }

    /// The store has failed, for a connection.
    func noteStoreFailure(_ activity: LogRecord.Activity, _ error: StoreError, _ slot: UInt32) {
        journal.note(.storeFailed(activity, error), connections[slot: slot])
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
            case .device(let device): .device(device.identity)
            case .application(let application): .client(application.clientID)
            }
    }
}
