public import Storage
public import Time

/// A rule that holds for an account, and where it comes from.
public struct AlertRuleInForce: Hashable, Sendable {
    public enum Source: Hashable, Sendable, CaseIterable {
        case account
        case parent
        case configuration

        /// Its name in the API.
        public var name: String {
            switch self {
            case .account: "account"
            case .parent: "parent"
            case .configuration: "configuration"
            }
        }
    }

    public let kind: AlertKind
    public let rule: AlertRule
    public let source: Source
}

/// An alert with its number, and the messages about it.
public struct Alert: Hashable, Sendable {
    public let number: UInt64
    public let record: AlertRecord

    /// Of a product, what that is called.
    public let productName: String?

    /// Of an authority that is there, what that is called.
    public let authorityName: String?
    public let notifications: [AlertNotification]
}

/// A message about an alert, with its number.
public struct AlertNotification: Hashable, Sendable {
    public let id: UInt64
    public let record: NotificationRecord
}

/// Who is told of an alert, and in which language.
public struct AlertRecipient: Hashable, Sendable {
    public let email: EmailAddress
    public let language: AlertLanguage
}

/// How alerts and the messages about them are doing.
public struct AlertFigures: Hashable, Sendable {
    /// By kind; those without any are left out.
    public internal(set) var open: [AlertKind: Int] = [:]

    /// Messages that are still to be sent.
    public internal(set) var due = 0
}

/// What the books say about alerts.
extension Books {
    /// What the configuration was when it was told last.
    public func alertSettings(
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> AlertSettings {
        try alertsAsWhole(in: transaction).settings
    }

    /// The rules that hold for an account: its own, its parent's, or the configuration's.
    public func alertRules(
        of account: AccountID, in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> [AlertRuleInForce] {
        let whole = try alertsAsWhole(in: transaction)
        var rules: [AlertRuleInForce] = []
        for kind in AlertKind.allCases where !kind.isOfNode {
            rules.append(try rule(kind, of: account, whole, in: transaction))
        }
        return rules
    }

    func rule(
        _ kind: AlertKind, of account: AccountID, _ whole: AlertsRecord,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> AlertRuleInForce {
        if let own = try alertRules.get(KeyPair(account, kind), in: transaction)?.rule {
            return AlertRuleInForce(kind: kind, rule: own, source: .account)
        }
        if let parent = try accounts.get(account, in: transaction)?.parent,
            let rule = try alertRules.get(KeyPair(parent, kind), in: transaction)?.rule
        {
            return AlertRuleInForce(kind: kind, rule: rule, source: .parent)
        }
        return AlertRuleInForce(
            kind: kind, rule: whole.settings.rule(kind), source: .configuration)
    }

    /// The account's language; else its parent's; else English.
    public func language(
        of account: AccountID, in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> AlertLanguage {
        if let own = try alertLanguages.get(account, in: transaction) { return own.language }
        guard let parent = try accounts.get(account, in: transaction)?.parent else {
            return .english
        }
        return try alertLanguages.get(parent, in: transaction)?.language ?? .english
    }

    /// Who gets the account's alerts (rule E1): the account, or its parent when it has no address, and the contacts of
    /// both; each address once, in a contact's own language, or in the account's.
    public func alertRecipients(
        of account: AccountID, in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> [AlertRecipient] {
        guard let record = try accounts.get(account, in: transaction) else { return [] }
        let parent = record.parent
        let language = try language(of: account, in: transaction)
        var found: [AlertRecipient] = []
        if let own = record.email {
            found.append(AlertRecipient(email: own, language: language))
        } else if let parent, let other = try accounts.get(parent, in: transaction)?.email {
            found.append(AlertRecipient(email: other, language: language))
        }
        try contacts.forEach(in: transaction, prefix: parent ?? account) {
            (key, _) throws(StoreError) in
            let text = key.second.text.lowercased()
            let own = try contactLanguages.get(key, in: transaction)?.language
            if let place = found.firstIndex(where: { $0.email.text.lowercased() == text }) {
                found[place] = AlertRecipient(
                    email: found[place].email, language: own ?? found[place].language)
            } else {
                found.append(AlertRecipient(email: key.second, language: own ?? language))
            }
            return .proceed
        }
        return found
    }

    /// Whether there are events that were not reviewed.
    public func hasAlertsToReview(
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> Bool {
        guard let reviewed = try alertsAsWhole(in: transaction).reviewed else { return true }
        return try reviewed < head(in: transaction).lastSequence
    }

    /// Whether products have to be looked at: a look is under way, or the last one ended so long ago.
    public func hasAlertsToSweep(
        at time: Timestamp, everyMilliseconds interval: Int64,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> Bool {
        let whole = try alertsAsWhole(in: transaction)
        guard !whole.isSweeping, let last = whole.sweptAt else { return true }
        return last.adding(milliseconds: interval) <= time
    }

    /// Messages that are under way and looked at for one answer: a run has no more than a few.
    private static var begunMaximum: Int { 1_000 }

    /// Messages that may be sent now by that run of a gateway: those that an earlier one has begun, then the first to be
    /// due. What waits for its time is not read, however much that is.
    public func dueNotifications(
        at time: Timestamp, of run: GatewayRun, limit: Int,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> [UInt64] {
        guard limit > 0 else { return [] }
        var found: [UInt64] = []
        try begunNotifications.forEach(in: transaction, limit: Self.begunMaximum) {
            (id, _) throws(StoreError) in
            let record = try notifications.get(id, in: transaction)
            if record?.mayBegin(at: time, in: run) ?? false { found.append(id) }
            return found.count < limit ? .proceed : .stop
        }
        try dueNotifications.forEach(in: transaction, limit: limit + found.count) { key, _ in
            guard key.first <= time, found.count < limit else { return .stop }
            if !found.contains(key.second) { found.append(key.second) }
            return .proceed
        }
        return found
    }

    /// Those of the messages that the run has begun.
    public func begunNotifications(
        _ ids: [UInt64], of run: GatewayRun, in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> [AlertNotification] {
        var found: [AlertNotification] = []
        for id in ids {
            if let record = try notifications.get(id, in: transaction), record.state == .underWay,
                record.run == run
            {
                found.append(AlertNotification(id: id, record: record))
            }
        }
        return found
    }

    public func alert(
        _ number: UInt64, in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> Alert? {
        guard let record = try alerts.get(number, in: transaction) else { return nil }
        var name: String?
        if let product = record.place.subject.product {
            name = try products.get(product, in: transaction)?.name
        }
        var authorityName: String?
        if let authority = record.place.subject.authority {
            authorityName = try authorities.get(authority, in: transaction)?.name
        }
        var found: [AlertNotification] = []
        try alertNotifications.forEach(in: transaction, prefix: number) {
            (key, _) throws(StoreError) in
            if let record = try notifications.get(key.second, in: transaction) {
                found.append(AlertNotification(id: key.second, record: record))
            }
            return .proceed
        }
        return Alert(
            number: number, record: record, productName: name, authorityName: authorityName,
            notifications: found)
    }

    /// The alerts of these accounts, or of all, the oldest first; with `isOpen` only those that are, or are not.
    public func alerts(
        of accounts: [AccountID]? = nil, product: ProductKey? = nil, kind: AlertKind? = nil,
        isOpen: Bool? = nil, cursor: String? = nil, limit: Int,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> Page<Alert> {
        let filter = [
            accounts.map { $0.map(\.text).joined(separator: " ") } ?? "*", product?.text ?? "*",
            kind?.name ?? "*", isOpen.map { String($0) } ?? "*",
        ].joined(separator: "|")
        return try page(
            of: alerts, filter: filter, reads: 4, cursor: cursor, limit: limit, in: transaction
        ) { (number, record) throws(StoreError) in
            let isMeant =
                Self.has(accounts, record.place.account)
                && (product.map { $0 == record.place.subject.product } ?? true)
                && (kind.map { $0 == record.place.kind } ?? true)
                && (isOpen.map { $0 == (record.resolvedAt == nil) } ?? true)
            return isMeant ? try alert(number, in: transaction) : nil
        }
    }

    /// Whether an owner is among the accounts; all are, and the operator, when there is no list.
    private static func has(_ accounts: [AccountID]?, _ owner: AccountID?) -> Bool {
        guard let accounts else { return true }
        return owner.map(accounts.contains) ?? false
    }

    public func notification(
        _ id: UInt64, in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> AlertNotification? {
        try notifications.get(id, in: transaction).map { AlertNotification(id: id, record: $0) }
    }

    /// Messages about the alerts of these accounts, or of all, the oldest first.
    public func notifications(
        of accounts: [AccountID]? = nil, state: NotificationState? = nil, cursor: String? = nil,
        limit: Int, in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> Page<AlertNotification> {
        let accountsText = accounts.map { $0.map(\.text).joined(separator: " ") } ?? "*"
        return try page(
            of: notifications, filter: "\(accountsText)|\(state?.name ?? "*")", cursor: cursor,
            limit: limit, in: transaction
        ) { id, record in
            guard Self.has(accounts, record.account), state ?? record.state == record.state else {
                return nil
            }
            return AlertNotification(id: id, record: record)
        }
    }

    /// For the page of metrics.
    public func alertFigures(
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> AlertFigures {
        var figures = AlertFigures()
        try openAlerts.forEach(in: transaction, limit: 100_000) { place, _ in
            figures.open[place.kind, default: 0] += 1
            return .proceed
        }
        figures.due = try dueNotifications.count(in: transaction)
        return figures
    }
}
