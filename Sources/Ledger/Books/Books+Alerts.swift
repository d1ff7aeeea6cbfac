import Storage
import Time

/// Alerts: rules, and what has crossed a threshold (rules E1 and E2).
///
/// What a command changes is not looked at in that command, but in a review that follows the log, by a command of its
/// own: an activation costs nothing more, a threshold that is crossed and crossed back in between fires nothing, and of
/// several gateways that review, the second finds nothing new.
extension Books {
    /// Devices that are counted for `near-expiry`, of one product.
    public static var nearExpiryCountMaximum: Int { 1_000 }

    /// Open packs whose units are added up, those that expire first.
    private static var packsMaximum: Int { 1_000 }

    static var alertsKey: UInt32 { 1 }

    func alertsAsWhole(
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> AlertsRecord {
        try alertBooks.get(Self.alertsKey, in: transaction) ?? AlertsRecord()
    }

    func carryOut(
        _ action: AlertAction,
        _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Outcome {
        switch action {
        case .adopt(let settings): try adopt(settings, command, in: transaction)
        case .setRule(let account, let kind, let rule):
            try set(rule, kind, of: account, command, in: transaction)
        case .resetRule(let account, let kind):
            try resetRule(kind, of: account, command, in: transaction)
        case .setLanguage(let account, let language):
            try set(language, of: account, command, in: transaction)
        case .setContactLanguage(let account, let email, let language):
            try set(language, of: account, contact: email, command, in: transaction)
        case .review(let limit): try review(limit, command, in: transaction)
        case .sweep(let limit): try sweep(limit, command, in: transaction)
        case .begin(let ids, let run): try begin(ids, run, command, in: transaction)
        case .report(let reports, let run): try take(reports, run, command, in: transaction)
        case .retry(let id): try retry(id, command, in: transaction)
        case .gather(let kind, let devices):
            try gather(devices, for: kind, command, in: transaction)
        case .find(let finding): try take(finding, command, in: transaction)
        case .noteBackup(let node, let time):
            try noteBackup(of: node, at: time, command, in: transaction)
        }
    }

    // MARK: What people say

    private func adopt(
        _ settings: AlertSettings, _ command: Command, in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Outcome {
        guard settings.isInRange else {
            return .refused(.commands(.quantityOutOfRange(maximum: AlertRule.numberMaximum)))
        }
        var whole = try alertsAsWhole(in: transaction)
        if whole.settings == settings { return .done(.unchanged) }
        whole.settings = settings
        whole.beginSweep()
        try alertBooks.put(Self.alertsKey, whole, in: transaction)
        return .done(try record(.alerts(.settingsAdopted(settings)), command, in: transaction))
    }

    private func set(
        _ rule: AlertRule, _ kind: AlertKind, of account: AccountID, _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Outcome {
        guard try accounts.contains(account, in: transaction) else {
            return .refused(.accounts(.unknown(account)))
        }
        if kind.isOfNode { return .done(.unchanged) }
        guard rule.isInRange else {
            return .refused(.commands(.quantityOutOfRange(maximum: AlertRule.numberMaximum)))
        }
        let key = KeyPair(account, kind)
        if try alertRules.get(key, in: transaction)?.rule == rule { return .done(.unchanged) }
        let new = AlertRuleRecord(rule: rule, at: command.at, actor: command.actor)
        try alertRules.put(key, new, in: transaction)
        try beginSweep(in: transaction)
        return .done(
            try record(.alerts(.ruleSet(account, kind, rule)), command, in: transaction))
    }

    private func resetRule(
        _ kind: AlertKind, of account: AccountID, _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Outcome {
        guard try accounts.contains(account, in: transaction) else {
            return .refused(.accounts(.unknown(account)))
        }
        guard try alertRules.delete(KeyPair(account, kind), in: transaction) else {
            return .done(.unchanged)
        }
        try beginSweep(in: transaction)
        return .done(try record(.alerts(.ruleReset(account, kind)), command, in: transaction))
    }

    private func beginSweep(in transaction: borrowing WriteTransaction) throws(StoreError) {
        var whole = try alertsAsWhole(in: transaction)
        whole.beginSweep()
        try alertBooks.put(Self.alertsKey, whole, in: transaction)
    }

    private func set(
        _ language: AlertLanguage, of account: AccountID, _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Outcome {
        guard try accounts.contains(account, in: transaction) else {
            return .refused(.accounts(.unknown(account)))
        }
        if try alertLanguages.get(account, in: transaction)?.language == language {
            return .done(.unchanged)
        }
        let record = AlertLanguageRecord(language: language)
        try alertLanguages.put(account, record, in: transaction)
        return .done(
            try self.record(.alerts(.languageSet(account, language)), command, in: transaction))
    }

    private func set(
        _ language: AlertLanguage, of account: AccountID, contact email: EmailAddress,
        _ command: Command, in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Outcome {
        guard let owner = try contactOwner(of: account, in: transaction) else {
            return .refused(.accounts(.unknown(account)))
        }
        guard let known = try contact(email, of: owner, in: transaction)?.email else {
            return .refused(.accounts(.unknownContact(owner, email)))
        }
        let key = KeyPair(owner, known)
        if try contactLanguages.get(key, in: transaction)?.language == language {
            return .done(.unchanged)
        }
        try contactLanguages.put(key, AlertLanguageRecord(language: language), in: transaction)
        return .done(
            try record(
                .alerts(.contactLanguageSet(owner, known, language)), command, in: transaction))
    }

    // MARK: What has changed

    /// What the events behind the last review may have moved; the first review has all products looked at instead.
    private func review(
        _ limit: UInt32, _ command: Command, in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Outcome {
        var whole = try alertsAsWhole(in: transaction)
        let last = try head(in: transaction).lastSequence
        guard let reviewed = whole.reviewed else {
            whole.reviewed = last
            whole.beginSweep()
            try alertBooks.put(Self.alertsKey, whole, in: transaction)
            return .done(.unchanged)
        }
        if reviewed >= last { return .done(.unchanged) }
        let found = try events(after: reviewed, limit: Int(limit), in: transaction)
        guard let newest = found.last?.sequence else { return .done(.unchanged) }
        var touched = TouchedByEvents()
        for event in found { touched.note(event.change) }
        for account in touched.accounts.sorted() {
            for member in try family(of: account, in: transaction) {
                touched.products.formUnion(try products(of: member, in: transaction))
                for kind in TopUpKind.allCases { touched.packs.insert(KeyPair(member, kind)) }
            }
        }
        let isTimely = try time(at: command.at, in: transaction).doubt == nil
        try lookAtAuthorities(
            touched.authorities, &whole, command, isTimely: isTimely, in: transaction)
        for key in touched.products.sorted() {
            try lookAtCodes(of: key, &whole, command, in: transaction)
            try lookAtDigest(
                .refusedForCode, of: key, &whole, command, isTimely: isTimely, in: transaction)
        }
        for kind in TopUpKind.allCases {
            for pack in touched.packs.filter({ $0.second == kind }).map(\.first).sorted() {
                try lookAtPacks(of: pack, kind, &whole, command, in: transaction)
            }
        }
        // What was written just now moves nothing.
        whole.reviewed = newest == last ? try head(in: transaction).lastSequence : newest
        try alertBooks.put(Self.alertsKey, whole, in: transaction)
        return .done(.unchanged)
    }

    /// By a doubted clock nothing is near its end (rule B16).
    private func sweep(
        _ limit: UInt32, _ command: Command, in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Outcome {
        if let doubt = try time(at: command.at, in: transaction).doubt {
            return .refused(.clock(doubt))
        }
        var whole = try alertsAsWhole(in: transaction)
        if !whole.isSweeping { whole.beginSweep() }
        if whole.sweptProduct == nil {
            try resolveRemovedNodes(&whole, command, in: transaction)
            try lookAtAllAuthorities(&whole, command, in: transaction)
        }
        var keys: [ProductKey] = []
        let lower: KeyBound<ProductKey> = whole.sweptProduct.map { .excluding($0) } ?? .unbounded
        try products.forEach(in: transaction, from: lower, limit: Int(limit)) { key, _ in
            keys.append(key)
            return .proceed
        }
        for key in keys {
            try lookAtCodes(of: key, &whole, command, in: transaction)
            try lookAtExpiries(of: key, &whole, command, in: transaction)
            for kind in AlertKind.allCases where kind.isDigest {
                try lookAtDigest(kind, of: key, &whole, command, in: transaction)
            }
            guard let account = try products.get(key, in: transaction)?.account else { continue }
            for kind in TopUpKind.allCases {
                try lookAtPacks(of: account, kind, &whole, command, in: transaction)
            }
        }
        whole.sweptProduct = keys.last
        if keys.count < Int(limit) {
            whole.isSweeping = false
            whole.sweptProduct = nil
            whole.sweptAt = command.at
        }
        try alertBooks.put(Self.alertsKey, whole, in: transaction)
        return .done(.unchanged)
    }

    private func lookAtCodes(
        of key: ProductKey, _ whole: inout AlertsRecord, _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) {
        guard let product = try products.get(key, in: transaction) else { return }
        let place = AlertPlace(
            account: product.account, kind: .codesLow, subject: .product(key))
        let rule = try rule(.codesLow, of: product.account, whole, in: transaction).rule
        let pool = try pool(of: key, in: transaction)
        let threshold = rule.threshold(of: pool.assigned)
        let isCrossed = rule.isOn && !product.isDeleted && pool.remaining < threshold
        try settle(
            place, isCrossed, value: pool.remaining, threshold: threshold, &whole, command,
            in: transaction)
    }

    private func lookAtExpiries(
        of key: ProductKey, _ whole: inout AlertsRecord, _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) {
        guard let product = try products.get(key, in: transaction) else { return }
        let place = AlertPlace(
            account: product.account, kind: .nearExpiry, subject: .product(key))
        let rule = try rule(.nearExpiry, of: product.account, whole, in: transaction).rule
        var count = 0
        if rule.isOn && !product.isDeleted {
            let filter = ActivationFilter(products: [key])
            var cursor: String?
            repeat {
                let page = try nearExpiry(
                    at: command.at, withinMilliseconds: Int64(rule.days) * 86_400_000, filter,
                    cursor: cursor, limit: Self.nearExpiryCountMaximum - count, in: transaction)
                count += page.elements.count
                cursor = page.cursor
            } while cursor != nil && count < Self.nearExpiryCountMaximum
        }
        let threshold = min(max(rule.number, 1), UInt64(Self.nearExpiryCountMaximum))
        try settle(
            place, UInt64(count) >= threshold, value: UInt64(count), threshold: threshold, &whole,
            command, in: transaction)
    }

    /// Units that gateways have leased are not used yet. An account that never had a pack is not told that it has none.
    private func lookAtPacks(
        of account: AccountID, _ kind: TopUpKind, _ whole: inout AlertsRecord, _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) {
        let totals = try topUpTotals(of: account, kind, in: transaction)
        var open: UInt64 = 0
        try openTopUps.forEach(
            in: transaction, prefix: KeyPair(account, kind), limit: Self.packsMaximum
        ) { (place, _) throws(StoreError) in
            open += try topUp(at: place, in: transaction).counters.quantity
            return .proceed
        }
        let rule = try rule(.packsLow, of: account, whole, in: transaction).rule
        let threshold = rule.threshold(of: max(open, min(totals.quantity, 1)))
        let left = totals.remaining + totals.leased
        try settle(
            AlertPlace(account: account, kind: .packsLow, subject: .packs(kind)),
            rule.isOn && left < threshold, value: left, threshold: threshold, &whole, command,
            in: transaction)
    }

    /// Fires, or resolves, what is not as it should be.
    ///
    /// - Parameters:
    ///   - digest: what a digest says when it is fired.
    ///   - operators: who is told of what is no account's.
    func settle(
        _ place: AlertPlace, _ isCrossed: Bool, value: UInt64, threshold: UInt64,
        digest: [AlertDigestLine] = [], operators: [AlertRecipient] = [],
        _ whole: inout AlertsRecord, _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) {
        let open = try openAlerts.get(place, in: transaction)?.number
        switch (open, isCrossed) {
        case (nil, false), (.some, true): return
        case (nil, true):
            whole.lastAlert += 1
            let number = whole.lastAlert
            var alert = AlertRecord(
                place: place, firedAt: command.at, value: value, threshold: threshold)
            alert.digest = digest
            try alerts.put(number, alert, in: transaction)
            if let account = place.account {
                try accountAlerts.put(KeyPair(account, number), EmptyRecord(), in: transaction)
            }
            try openAlerts.put(place, OpenAlertRecord(number: number), in: transaction)
            let change = AlertChange.fired(number, place, value: value, threshold: threshold)
            _ = try record(.alerts(change), command, in: transaction)
            try notify(
                of: number, place, isResolution: false, operators: operators, &whole, command,
                in: transaction)
        case (.some(let number), false):
            guard var alert = try alerts.get(number, in: transaction) else {
                throw .malformed(what: "alert \(number) is open and not there")
            }
            alert.resolvedAt = command.at
            alert.resolvedValue = value
            try alerts.put(number, alert, in: transaction)
            try openAlerts.delete(place, in: transaction)
            let change = AlertChange.resolved(number, place, value: value)
            _ = try record(.alerts(change), command, in: transaction)
            try notify(
                of: number, place, isResolution: true, operators: operators, &whole, command,
                in: transaction)
        }
    }
}

extension AlertsRecord {
    /// All products are looked at, from the first one on.
    mutating func beginSweep() {
        isSweeping = true
        sweptProduct = nil
    }
}

/// What events may have moved over a threshold.
private struct TouchedByEvents {
    /// Their codes.
    var products: Set<ProductKey> = []
    var packs: Set<KeyPair<AccountID, TopUpKind>> = []

    /// All that is theirs, and their sub-accounts'.
    var accounts: Set<AccountID> = []
    var authorities = TouchedAuthorities()

    mutating func note(_ change: Change) {
        switch change {
        case .devices(.activated(let identity, _, _)): products.insert(identity.product)
        case .codes(.bought(_, _, _, let product, _)), .codes(.granted(_, _, _, let product, _)):
            if let product { products.insert(product) }
        case .codes(.assigned(_, let product, _, _)): products.insert(product)
        case .products(.deleted(let product, _)): products.insert(product)
        case .corrections(let correction): note(correction)
        case .authorities(let change): authorities.note(change)
        case .topUps(let change):
            packs.insert(KeyPair(change.pack.account, change.pack.kind))
        case .upgrades, .alerts, .devices(.registered), .devices(.entitlementReopened),
            .devices(.entitlementEnded), .devices(.disabled), .devices(.deleted),
            .devices(.renewalSet), .devices(.secretReset), .devices(.secretConfirmed),
            .devices(.messagesDeleted), .devices(.renamed), .products(.created),
            .products(.updated), .products(.packageUpgraded), .products(.uplinkNamed),
            .products(.dialectSet), .products(.limitsSet), .products(.tokenKeyAdded),
            .products(.tokenKeyRemoved), .devices(.limitsSet), .packages, .products(.stateCounted),
            .devices(.desiredChanged), .devices(.pinsSet), .products(.uncountedSet),
            .accounts, .imports, .keys, .clock, .limits, .productSecrets, .cluster, .metadata,
            .webhooks, .firmware, .campaigns:
            break
        }
    }

    private mutating func note(_ correction: Correction) {
        switch correction.entry {
        case .purchaseVoided(let account, _, _, _): accounts.insert(account)
        case .assignmentVoided(_, let product, _, _, _): products.insert(product)
        case .consumptionVoided(let identity, _): products.insert(identity.product)
        case .topUpVoided(let pack, _): packs.insert(KeyPair(pack.account, pack.kind))
        case .entitlementMoved: break
        }
    }
}
