import Storage

/// Alerts: as many as the log has fired, those open that it has not resolved, and each message where it belongs.
extension Audit {
    mutating func checkAlerts(
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) {
        var whole = AlertsRecord()
        try read(books.alertBooks, in: transaction) { audit, key, record in
            audit.expectEqual(key, Books.alertsKey, "the key of the record of alerts as a whole")
            whole = record
        }
        expect(
            whole.settings == log.alertSettings ?? AlertSettings(),
            "the settings of alerts are not those that were adopted last")
        expectEqual(whole.lastAlert, log.alerts, "the number of the last alert")
        try checkRules(in: transaction)
        try checkFired(in: transaction)
        try checkNotifications(last: whole.lastNotification, in: transaction)
        try checkDigests(in: transaction)
        try checkBackups(in: transaction)
    }

    /// The log does not have which devices were seen: only what digests look like can be checked.
    private mutating func checkDigests(
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) {
        var products: [AlertPlace: UInt32] = [:]
        try read(books.alertDigests, in: transaction) { _, place, record in
            guard place.subject == .account else { return }
            products[place] = record.products
        }
        try read(books.alertDigests, in: transaction) {
            (audit, place, record) throws(StoreError) in
            let whole = AlertPlace(account: place.account, kind: place.kind, subject: .account)
            products[whole]? &-= place.subject == .account ? 0 : 1
            let devices = record.devices
            let isInOrder = zip(devices, devices.dropFirst()).allSatisfy { $0 < $1 }
            audit.expect(
                place.kind.isDigest && devices.count <= Books.digestDevicesMaximum && isInOrder,
                "the digest \(place.kind.name) of \(place.subject) is not one")
            guard let key = place.subject.product else { return }
            let product = try audit.get(key, of: audit.books.products, in: transaction)
            audit.expect(
                product?.account == place.account,
                "the digest \(place.kind.name) of \(place.subject) is of another account")
        }
        for (place, rest) in products {
            expect(rest == 0, "the digest \(place.kind.name) of an account has other products")
        }
        try read(books.openAlerts, in: transaction) { (audit, place, open) throws(StoreError) in
            guard place.kind.isDigest else { return }
            let digest = try audit.get(place, of: audit.books.alertDigests, in: transaction)
            audit.expect(
                digest?.toldAt != nil, "alert \(open.number) is open and has no digest")
        }
    }

    /// A node's backup is no event: that its record can be read is all that can be checked.
    private mutating func checkBackups(
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) {
        try read(books.nodeBackups, in: transaction) { _, _, _ in }
    }

    private mutating func checkRules(
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) {
        try read(books.alertRules, in: transaction) { audit, key, record in
            let (account, kind) = (key.first, key.second)
            audit.expect(
                audit.log.alertRules[key] == record.rule,
                "the log has not left rule \(kind.name) of account \(account) as it is")
        }
        try expectCount(of: books.alertRules, log.alertRules.count, in: transaction) {
            (audit, key, _) in audit.log.alertRules[key] != nil
        }
        try read(books.alertLanguages, in: transaction) { audit, account, record in
            audit.expect(
                audit.log.alertLanguages[account] == record.language,
                "the log has not left the language of account \(account) as it is")
        }
        try expectCount(of: books.alertLanguages, log.alertLanguages.count, in: transaction) {
            (audit, account, _) in audit.log.alertLanguages[account] != nil
        }
        try read(books.contactLanguages, in: transaction) { audit, key, record in
            audit.expect(
                audit.log.contactLanguages[key] == record.language,
                "the log has not left the language of contact \(key.second) as it is")
        }
        try expectCount(
            of: books.contactLanguages, log.contactLanguages.count, in: transaction
        ) { (audit, key, _) in audit.log.contactLanguages[key] != nil }
    }

    private mutating func checkFired(
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) {
        var (count, owned) = (0, 0)
        try read(books.alerts, in: transaction) { (audit, number, alert) throws(StoreError) in
            count += 1
            let open = audit.log.openAlerts[alert.place]
            audit.expect(
                (open == number) == (alert.resolvedAt == nil),
                "alert \(number) is open, or not, and the log has it otherwise")
            audit.expect(
                (alert.place.account == nil) == alert.place.kind.isOfNode,
                "alert \(number) is an account's, or not, and its kind is not")
            guard let account = alert.place.account else { return }
            owned += 1
            let isListed = try audit.books.accountAlerts.contains(
                KeyPair(account, number), in: transaction)
            audit.expect(isListed, "alert \(number) is not among those of \(account)")
        }
        expectEqual(UInt64(count), log.alerts, "alerts that are there")
        try expectCount(of: books.accountAlerts, owned, in: transaction) {
            (audit, key, _) throws(StoreError) in
            try audit.get(key.second, of: audit.books.alerts, in: transaction)?.place.account
                == key.first
        }
        try read(books.openAlerts, in: transaction) { audit, place, open in
            audit.expect(
                audit.log.openAlerts[place] == open.number,
                "alert \(open.number) of \(place.subject) is not the one that the log left open")
        }
        try expectCount(of: books.openAlerts, log.openAlerts.count, in: transaction) {
            (audit, place, _) in audit.log.openAlerts[place] != nil
        }
    }

    private mutating func checkNotifications(
        last: UInt64, in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) {
        var (count, due, begun) = (0, 0, 0)
        try read(books.notifications, in: transaction) { (audit, id, record) throws(StoreError) in
            count += 1
            audit.expect(
                id <= last && id &+ Books.notificationsMaximum > last,
                "message \(id) about an alert is not one of the last")
            let isThere = try audit.books.alerts.contains(record.alert, in: transaction)
            audit.expect(
                isThere, "message \(id) is about alert \(record.alert), which is not there")
            let isListed = try audit.books.alertNotifications.contains(
                KeyPair(record.alert, id), in: transaction)
            audit.expect(isListed, "message \(id) is not among those about \(record.alert)")
            if record.state == .underWay { begun += 1 }
            guard record.isDue else { return }
            due += 1
            let isDue = try audit.books.dueNotifications.contains(
                KeyPair(record.nextAt, id), in: transaction)
            audit.expect(isDue, "message \(id) is to be sent and is not listed")
        }
        expectEqual(
            UInt64(count), min(last, Books.notificationsMaximum),
            "messages about alerts that are kept")
        try expectCount(of: books.alertNotifications, count, in: transaction) {
            (audit, key, _) throws(StoreError) in
            try audit.get(key.second, of: audit.books.notifications, in: transaction)?.alert
                == key.first
        }
        if format >= 12 {
            try expectCount(of: books.begunNotifications, begun, in: transaction) {
                (audit, id, _) throws(StoreError) in
                try audit.get(id, of: audit.books.notifications, in: transaction)?.state
                    == .underWay
            }
        }
        try expectCount(of: books.dueNotifications, due, in: transaction) {
            (audit, key, _) throws(StoreError) in
            let record = try audit.get(key.second, of: audit.books.notifications, in: transaction)
            return record.map { $0.isDue && $0.nextAt == key.first } ?? false
        }
    }
}
