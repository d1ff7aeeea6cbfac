import Ledger
import Linux
import MessageLog
import Reactor
import Storage
import Time

extension MessageLog {
    /// The one that the configuration describes, on the time that the books believe.
    static func opened(
        _ configuration: GatewayConfiguration, _ clock: BooksClock, _ time: TimeSource,
        _ log: GatewayLog?
    ) throws(GatewayError) -> MessageLog {
        do throws(MessageLogError) {
            return try MessageLog(
                configuration.messageLogSettings,
                clock: { clock.time(wall: time.wall, monotonic: time.monotonic) },
                say: { log?.say($0) })
        } catch {
            switch error {
            case .file(let error): throw .file(error)
            case .system(let code): throw .system("the message log", code)
            }
        }
    }

    /// What is deleted with a device, a product, or on request.
    func hear(_ event: Event) {
        switch event.change {
        case .devices(.messagesDeleted(let device)), .devices(.deleted(let device)):
            delete(messagesOf: device, until: event.at)
        case .products(.deleted(let product, _)): delete(messagesOf: product, until: event.at)
        case .devices(.registered), .devices(.activated), .devices(.entitlementReopened),
            .devices(.entitlementEnded), .devices(.disabled), .devices(.renewalSet),
            .devices(.secretReset), .devices(.secretConfirmed), .devices(.renamed),
            .products(.created), .products(.updated), .products(.packageUpgraded),
            .products(.uplinkNamed), .codes, .packages, .accounts, .imports, .topUps, .upgrades,
            .keys, .clock, .corrections, .limits, .productSecrets, .cluster, .metadata, .webhooks:
            break
        }
    }

    /// The latest events again, as the process may have ended between the books and the log.
    func hearLatest(of ledger: Ledger) throws(StoreError) {
        let events = try ledger.read { books, transaction throws(StoreError) in
            let last = try books.lastSequence(in: transaction)
            let first = last > Self.eventsHeardAgain ? last - Self.eventsHeardAgain : 0
            return try books.events(
                after: first, limit: Int(Self.eventsHeardAgain), in: transaction)
        }
        for event in events { hear(event) }
    }

    private static var eventsHeardAgain: UInt64 { 1_000 }
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
        case .writingFails(let why):
            say(.error, "messages can't be stored", .init("reason", why))
        case .writesAgain(let dropped):
            say(
                .notice, "messages are stored again",
                .init("not-stored", "\(dropped)"))
        }
    }
}
