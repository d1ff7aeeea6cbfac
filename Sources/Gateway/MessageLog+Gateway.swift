import Ledger
import Linux
import MessageLog
import Reactor
import Storage
import Time

extension MessageLog {
    /// The one that the configuration describes, on the time that the books believe. `nil` when its directory can't be
    /// used, which is said: devices can come all the same.
    static func opened(
        _ configuration: GatewayConfiguration, _ clock: BooksClock, _ time: TimeSource,
        _ log: GatewayLog?
    ) -> MessageLog? {
        do throws(MessageLogError) {
            return try MessageLog(
                configuration.messageLogSettings,
                clock: { clock.time(wall: time.wall, monotonic: time.monotonic) },
                say: { log?.say($0) })
        } catch {
            switch error {
            case .file(let error): log?.say(.writingFails("\(error)"))
            case .system(let code): log?.say(.writingFails("\(code)"))
            }
            return nil
        }
    }

    /// What is deleted with a device, a product, or on request, as it comes into the books: all that is here by now. The
    /// clock of the node that has taken the request may be behind this one's.
    func hear(_ event: Event) { hear(event, until: max(event.at, now)) }

    private func hear(_ event: Event, until time: Timestamp) {
        switch event.change {
        case .devices(.messagesDeleted(let device)), .devices(.deleted(let device)):
            delete(messagesOf: device, until: time)
        case .products(.deleted(let product, _)): delete(messagesOf: product, until: time)
        case .devices(.registered), .devices(.activated), .devices(.entitlementReopened),
            .devices(.entitlementEnded), .devices(.disabled), .devices(.renewalSet),
            .devices(.secretReset), .devices(.secretConfirmed), .devices(.renamed),
            .products(.created), .products(.updated), .products(.packageUpgraded),
            .products(.uplinkNamed), .products(.dialectSet), .products(.limitsSet),
            .products(.tokenKeyAdded), .products(.tokenKeyRemoved), .devices(.limitsSet), .codes,
            .packages, .accounts, .imports, .products(.stateCounted), .devices(.desiredChanged),
            .devices(.pinsSet), .products(.uncountedSet),
            .topUps, .upgrades,
            .keys, .clock, .corrections, .limits, .productSecrets, .cluster, .metadata, .webhooks,
            .alerts, .authorities, .firmware, .campaigns:
            break
        }
    }

    /// Events that came while nothing was heard: since a crash, or while the ledger caught up with a cluster's log before
    /// anything could follow it. After that each event counts as heard.
    func catchUp(with ledger: Ledger) throws(StoreError) {
        var last = try ledger.read { books, transaction throws(StoreError) in
            try books.lastSequence(in: transaction)
        }
        // Without a message there is nothing that could have been deleted.
        if !isEmpty {
            last = heardAtStart ?? 0
            while true {
                let events = try ledger.read { books, transaction throws(StoreError) in
                    try books.events(after: last, limit: Self.eventsAtOnce, in: transaction)
                }
                guard let newest = events.last else { break }
                for event in events { hear(event, until: event.at) }
                last = newest.sequence
            }
        }
        beginHearing(from: last)
    }

    private static var eventsAtOnce: Int { 1_000 }
}

extension GatewayConfiguration {
    var messageLogSettings: MessageLogSettings {
        MessageLogSettings(
            directory: messageLogPath,
            maximumBytes: messageLog.maximumBytes,
            minimumFreeBytes: messageLog.minimumFreeBytes,
            flushMilliseconds: Int64(messageLog.flushIntervalSeconds) * 1_000)
    }
}

extension GatewayLog {
    fileprivate func say(_ notice: MessageLogNotice) {
        switch notice {
        case .recovered(let path, let cut, let damaged):
            say(
                .warning, "a segment of stored messages was not finished",
                .init("file", path), .init("cut-bytes", "\(cut)"),
                .init("damaged-blocks", "\(damaged)"))
        case .evicted(let path, let bytes):
            say(
                .warning, "the oldest stored messages are removed for want of room",
                .init("file", path), .init("bytes", "\(bytes)"))
        case .unreadable(let path, let why):
            say(
                .error, "a file of stored messages can't be read, and is left out",
                .init("file", path), .init("reason", why))
        case .damaged(let path):
            say(.error, "a file of stored messages is damaged", .init("file", path))
        case .writingFails(let why):
            say(.error, "messages can't be stored", .init("reason", why))
        case .writesAgain(let dropped):
            say(
                .notice, "messages are stored again",
                .init("not-stored", "\(dropped)"))
        }
    }
}
