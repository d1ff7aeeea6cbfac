import Ledger
import Linux
import MQTT
import Storage

/// One thing that happened on a shard, as it goes to the log's thread: it is put into words there.
struct LogRecord: Sendable {
    enum Event: Sendable {
        /// A connection that was not let in.
        case refused(Reason)

        /// A client that was connected, and is not any more.
        case ended(Reason)
        case handshakeFailed(TLSFailure)
        case storeFailed(Activity, StoreError)
        case admitted
        case renewal(RenewalStep)
        case lease(LeaseStep)
    }

    /// OpenSSL's own words.
    struct TLSFailure: Sendable {
        let text: String
    }

    /// What the store could not do.
    enum Activity: Int, CaseIterable, Sendable {
        case admission, renewal, registration, sessionRead, sessionWrite, usageRead, usageWrite
        case retainedRead, productRead, lease

        var text: String {
            switch self {
            case .admission: "deciding whether a device may connect"
            case .renewal: "renewing an activation"
            case .registration: "registering a device"
            case .sessionRead: "reading a session"
            case .sessionWrite: "writing sessions"
            case .usageRead: "reading a message count"
            case .usageWrite: "writing message counts"
            case .retainedRead: "reading retained messages"
            case .productRead: "reading a change of the books"
            case .lease: "leasing or returning units of top-up packs"
            }
        }
    }

    enum RenewalStep: Int, CaseIterable, Sendable {
        case asked, renewed, notRenewed

        var text: String {
            switch self {
            case .asked: "the activation has ended, renewal is asked for"
            case .renewed: "the activation was renewed"
            case .notRenewed: "the activation was not renewed"
            }
        }
    }

    enum LeaseStep: Int, CaseIterable, Sendable {
        case asked, granted, refused, ended

        var text: String {
            switch self {
            case .asked: "units of top-up packs are asked for"
            case .granted: "units of top-up packs were leased"
            case .refused: "no units of top-up packs are left"
            case .ended: "a lease of units was ended"
            }
        }
    }

    /// Who it was about.
    enum Subject: Sendable {
        case unknown
        case device(DeviceIdentity)
        case client(String)
        case account(AccountID)
    }

    let event: Event
    var subject = Subject.unknown
    var address: SocketAddress?
    var listener: String?

    var level: LogLevel { event.level }
}

extension LogRecord.Event {
    var level: LogLevel {
        switch self {
        case .refused(let reason):
            // A port scan or a health check, mostly.
            reason == .connectionLost || reason == .disconnected || reason == .parentGone
                ? .debug : .info
        case .ended, .handshakeFailed: .info
        case .storeFailed: .error
        case .admitted, .renewal, .lease: .debug
        }
    }

    /// Records with one number are sampled together.
    var sampleKey: Int {
        let reasons = Reason.allCases.count
        return switch self {
        case .refused(let reason): reason.rawValue
        case .ended(let reason): reasons + reason.rawValue
        case .handshakeFailed: 2 * reasons
        case .admitted: 2 * reasons + 1
        case .renewal(let step): 2 * reasons + 2 + step.rawValue
        case .lease(let step):
            2 * reasons + 2 + LogRecord.RenewalStep.allCases.count + step.rawValue
        case .storeFailed(let activity, _):
            2 * reasons + 2 + LogRecord.RenewalStep.allCases.count
                + LogRecord.LeaseStep.allCases.count + activity.rawValue
        }
    }

    static var sampleKeyCount: Int {
        2 * Reason.allCases.count + 2 + LogRecord.RenewalStep.allCases.count
            + LogRecord.LeaseStep.allCases.count + LogRecord.Activity.allCases.count
    }
}

extension LogRecord {
    /// In words. Runs on the log's thread.
    var line: LogLine {
        var fields: [LogLine.Field] = []
        let message: String
        switch event {
        case .refused(let reason):
            message = "connection refused"
            fields.append(.init("reason", reason.name))
        case .ended(let reason):
            message = "connection ended"
            fields.append(.init("reason", reason.name))
        case .handshakeFailed(let failure):
            message = "TLS handshake failed"
            fields.append(.init("reason", Reason.handshakeFailed.name))
            fields.append(.init("error", failure.text))
        case .storeFailed(let activity, let error):
            message = "the store failed while \(activity.text)"
            fields.append(.init("error", "\(error)"))
        case .admitted: message = "connected"
        case .renewal(let step): message = step.text
        case .lease(let step): message = step.text
        }
        switch subject {
        case .unknown: break
        case .device(let identity):
            fields.append(.init("product", identity.product.text))
            fields.append(.init("device", identity.device.text))
        case .client(let name): fields.append(.init("client", name))
        case .account(let account): fields.append(.init("account", account.text))
        }
        if let address { fields.append(.init("address", "\(address)")) }
        if let listener { fields.append(.init("listener", listener)) }
        return LogLine(level: level, message: message, fields: fields)
    }
}
