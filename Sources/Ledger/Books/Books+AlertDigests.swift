import Bytes
import Storage
import Time

/// Digests: alerts about devices that are gathered, and told of at most once a day (rule E2).
///
/// A node says which devices it has seen, each product at most once an hour; the books keep each device once, whichever
/// nodes have said so. Devices of `refused-for-code` are a product's digest, those of `at-daily-limit` the account's.
extension Books {
    /// Devices of a product that are kept, and counted, between two digests.
    public static var digestDevicesMaximum: Int { 1_000 }

    /// In one command.
    public static var gatheredInCommandMaximum: Int { 1_000 }

    /// Between two digests of the same.
    public static var digestMilliseconds: Int64 { 86_400_000 }

    /// Behind the last device until a digest is resolved: many devices are seen once a day, now earlier and now later.
    public static var digestSilenceMilliseconds: Int64 { 2 * digestMilliseconds }

    /// Products that a digest has lines of, and devices that a line names.
    static var digestLinesMaximum: Int { 20 }
    static var digestNamesMaximum: Int { 10 }

    /// What was told of before, kept for mail that waits: a mail is sent again for three days and a half.
    static var tellingsMaximum: Int { 4 }

    /// Messages about an alert that are looked at for those that wait.
    static var tellingMessagesMaximum: Int { 1_000 }

    /// Products of an account that devices are gathered of between two digests.
    static var digestProductsMaximum: Int { 1_000 }

    /// Takes in what a node has seen. Of a product that is gone, or for whose account the rule is off, nothing is kept, nor
    /// of one that has codes again: its devices are let in.
    func gather(
        _ devices: [DeviceIdentity], for kind: AlertKind, _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Outcome {
        if let refusal = Self.refusal(
            ofCount: devices.count, upTo: Self.gatheredInCommandMaximum)
        {
            return .refused(refusal)
        }
        guard kind.isDigest else { return .done(.unchanged) }
        if let doubt = try time(at: command.at, in: transaction).doubt {
            return .refused(.clock(doubt))
        }
        var seen: [ProductKey: Set<DeviceKey>] = [:]
        for identity in devices {
            seen[identity.product, default: []].insert(identity.device)
        }
        var whole = try alertsAsWhole(in: transaction)
        for (key, keys) in seen.sorted(by: { $0.key < $1.key }) {
            guard let product = try products.get(key, in: transaction),
                try isGathered(kind, of: key, product, whole, in: transaction)
            else { continue }
            let part = AlertPlace(account: product.account, kind: kind, subject: .product(key))
            try keep(
                keys, at: part, under: digestPlace(kind, of: key, product.account), command,
                in: transaction)
            try lookAtDigest(kind, of: key, &whole, command, in: transaction)
        }
        try alertBooks.put(Self.alertsKey, whole, in: transaction)
        return .done(.unchanged)
    }

    private func keep(
        _ devices: Set<DeviceKey>, at part: AlertPlace, under place: AlertPlace,
        _ command: Command, in transaction: borrowing WriteTransaction
    ) throws(StoreError) {
        let known = try alertDigests.get(part, in: transaction)
        if part != place {
            var head = try alertDigests.get(place, in: transaction) ?? AlertDigestRecord()
            head.seenAt = command.at
            let hasRoom = known != nil || head.products < Self.digestProductsMaximum
            if known == nil, hasRoom { head.products += 1 }
            try alertDigests.put(place, head, in: transaction)
            guard hasRoom else { return }
        }
        var record = known ?? AlertDigestRecord()
        let all = devices.union(record.devices).sorted()
        record.devices = Array(all.prefix(Self.digestDevicesMaximum))
        record.seenAt = command.at
        try alertDigests.put(part, record, in: transaction)
    }

    /// What the digest that a product's devices belong to is told for.
    private func digestPlace(
        _ kind: AlertKind, of product: ProductKey, _ account: AccountID
    ) -> AlertPlace {
        let subject: AlertSubject =
            switch kind {
            case .atDailyLimit: .account
            case .refusedForCode, .codesLow, .nearExpiry, .packsLow, .certificateEnding,
                .authorityEnding, .revocationListDue,
                .backupOld:
                .product(product)
            }
        return AlertPlace(account: account, kind: kind, subject: subject)
    }

    /// Whether devices of the product are worth keeping.
    private func isGathered(
        _ kind: AlertKind, of key: ProductKey, _ product: ProductRecord, _ whole: AlertsRecord,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Bool {
        guard !product.isDeleted,
            try rule(kind, of: product.account, whole, in: transaction).rule.isOn
        else { return false }
        switch kind {
        case .refusedForCode: return try pool(of: key, in: transaction).remaining == 0
        case .codesLow, .nearExpiry, .packsLow, .atDailyLimit, .certificateEnding, .backupOld,
            .authorityEnding, .revocationListDue:
            return true
        }
    }

    /// Fires the digest that a product's devices belong to, tells of it again, or resolves it. It is resolved when two days
    /// have brought no device, and that of one product also when it has codes again, or is gone.
    ///
    /// - Parameter isTimely: whether the time of the command is believed (rule B16); else nothing is done for it.
    func lookAtDigest(
        _ kind: AlertKind, of key: ProductKey, _ whole: inout AlertsRecord, _ command: Command,
        isTimely: Bool = true, in transaction: borrowing WriteTransaction
    ) throws(StoreError) {
        guard let product = try products.get(key, in: transaction) else { return }
        let place = digestPlace(kind, of: key, product.account)
        if place.subject.product == nil, product.isDeleted {
            // What was gathered of it counts no more; the digest is the account's.
            let part = AlertPlace(account: product.account, kind: kind, subject: .product(key))
            if try alertDigests.delete(part, in: transaction),
                var head = try alertDigests.get(place, in: transaction)
            {
                head.products -= min(head.products, 1)
                try alertDigests.put(place, head, in: transaction)
            }
        }
        guard let record = try alertDigests.get(place, in: transaction) else { return }
        let rule = try rule(kind, of: product.account, whole, in: transaction).rule
        let day = Self.digestMilliseconds
        let silence = Self.digestSilenceMilliseconds
        let isOver = record.seenAt.map { $0.adding(milliseconds: silence) <= command.at } ?? true
        let isMeant =
            switch place.subject {
            case .product: try isGathered(kind, of: key, product, whole, in: transaction)
            case .packs, .account, .node, .authority: rule.isOn
            }
        guard isMeant, !isOver || !isTimely else {
            return try endDigest(at: place, record, &whole, command, in: transaction)
        }
        guard isTimely, record.toldAt.map({ $0.adding(milliseconds: day) <= command.at }) ?? true
        else { return }
        let (value, lines) = try digest(at: place, in: transaction)
        let threshold = min(max(rule.number, 1), UInt64(Self.digestDevicesMaximum))
        guard value >= threshold else { return }
        if try openAlerts.contains(place, in: transaction) {
            try tellAgain(place, value: value, lines, &whole, command, in: transaction)
        } else {
            try settle(
                place, true, value: value, threshold: threshold, digest: lines, &whole, command,
                in: transaction)
        }
        try forgetDevices(at: place, in: transaction)
        var told = AlertDigestRecord()
        told.seenAt = record.seenAt
        told.toldAt = command.at
        try alertDigests.put(place, told, in: transaction)
    }

    /// Nothing is left to be told of. That a digest was told of within a day is still known, as the next one waits.
    private func endDigest(
        at place: AlertPlace, _ record: AlertDigestRecord, _ whole: inout AlertsRecord,
        _ command: Command, in transaction: borrowing WriteTransaction
    ) throws(StoreError) {
        try settle(
            place, false, value: 0, threshold: 0, &whole, command, in: transaction)
        try forgetDevices(at: place, in: transaction)
        let isTold = record.toldAt.map {
            command.at < $0.adding(milliseconds: Self.digestMilliseconds)
        }
        if isTold ?? false {
            var rest = AlertDigestRecord()
            rest.toldAt = record.toldAt
            if rest != record { try alertDigests.put(place, rest, in: transaction) }
        } else {
            try alertDigests.delete(place, in: transaction)
        }
    }

    /// Of a digest the devices, up to 1,000 of each product, and its lines.
    private func digest(
        at place: AlertPlace, in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> (UInt64, [AlertDigestLine]) {
        var value: UInt64 = 0
        var lines: [AlertDigestLine] = []
        // Of a thousand products with a thousand devices each, the first few names.
        try scanDigests(at: place, in: transaction) { (part, bytes) throws(StoreError) in
            guard let key = part.subject.product else { return }
            let front: AlertDigestFront
            do throws(MalformedRecord) {
                var reader = ByteReader(bytes)
                front = try AlertDigestFront(decoding: &reader)
            } catch {
                throw StoreError(error)
            }
            guard front.devices > 0 else { return }
            value += UInt64(front.devices)
            lines.append(
                AlertDigestLine(product: key, devices: front.devices, first: front.first))
        }
        lines.sort { ($1.devices, $0.product) < ($0.devices, $1.product) }
        return (value, Array(lines.prefix(Self.digestLinesMaximum)))
    }

    private func forgetDevices(
        at place: AlertPlace, in transaction: borrowing WriteTransaction
    ) throws(StoreError) {
        var parts: [AlertPlace] = []
        try scanDigests(at: place, in: transaction) { part, _ in parts.append(part) }
        for part in parts where part != place { try alertDigests.delete(part, in: transaction) }
    }

    /// What the digest has parts in, with the bytes of their records: itself, or each product of the account.
    private func scanDigests(
        at place: AlertPlace, in transaction: borrowing WriteTransaction,
        _ body: (AlertPlace, Span<UInt8>) throws(StoreError) -> Void
    ) throws(StoreError) {
        let bounds: (lower: KeyBound<AlertPlace>, upper: KeyBound<AlertPlace>) =
            switch place.subject {
            case .product, .packs, .node, .authority: (.including(place), .including(place))
            case .account: (.unbounded, .unbounded)
            }
        try alertDigests.scan(
            in: transaction, prefix: KeyPair(AlertOwner(place.account), place.kind),
            from: bounds.lower, to: bounds.upper
        ) { (key, bytes) throws(StoreError) in
            var reader = ByteReader(key)
            guard let part = AlertPlace(decoding: &reader) else {
                throw .malformed(what: "digest of an alert")
            }
            try body(part, bytes)
            return .proceed
        }
    }

    /// A day has passed, and it goes on.
    private func tellAgain(
        _ place: AlertPlace, value: UInt64, _ digest: [AlertDigestLine],
        _ whole: inout AlertsRecord, _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) {
        guard let number = try openAlerts.get(place, in: transaction)?.number,
            var alert = try alerts.get(number, in: transaction)
        else { throw .malformed(what: "an alert is open and not there") }
        let waiting = try waitingTellings(of: number, in: transaction)
        alert.keepTelling { waiting.contains($0) }
        alert.value = value
        alert.digest = digest
        alert.repeatedAt = command.at
        try alerts.put(number, alert, in: transaction)
        _ = try record(
            .alerts(.repeated(number, place, value: value)), command, in: transaction)
        try notify(of: number, place, isResolution: false, &whole, command, in: transaction)
    }

    /// When the messages about an alert were made that are to be sent, or may be sent again.
    private func waitingTellings(
        of number: UInt64, in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Set<Timestamp> {
        var times: Set<Timestamp> = []
        try alertNotifications.forEach(
            in: transaction, prefix: number, reversed: true, limit: Self.tellingMessagesMaximum
        ) { (key, _) throws(StoreError) in
            if let message = try notifications.get(key.second, in: transaction),
                message.state != .sent
            {
                times.insert(message.createdAt)
            }
            return .proceed
        }
        return times
    }
}
