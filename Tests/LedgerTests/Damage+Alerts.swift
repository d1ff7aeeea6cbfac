import Storage
import Time

@testable import Ledger
@testable import LedgerModel

extension Damage {
    private static let individual = AccountID("individual")!

    private static let part = AlertPlace(
        account: individual, kind: .atDailyLimit, subject: .product(Tour.fourth))

    static let alerts: [Damage] = [
        Damage("a record of alerts elsewhere", "the key of the record of alerts as a whole") {
            (books, transaction) throws(StoreError) in
            try books.alertBooks.copy(1, to: 2, in: transaction)
        },
        Damage(
            "other settings of alerts", "the settings of alerts are not those",
            "the number of the last alert"
        ) { (books, transaction) throws(StoreError) in
            try books.alertBooks.change(1, in: transaction) { whole in
                whole.settings.mails = false
                whole.lastAlert += 1
            }
        },
        Damage("a rule that the log does not have so", "the log has not left rule codes-low") {
            (books, transaction) throws(StoreError) in
            try books.alertRules.put(
                KeyPair(individual, .codesLow),
                AlertRuleRecord(
                    rule: AlertRule(number: 9), at: Timestamp(milliseconds: 0), actor: ""),
                in: transaction)
        },
        Damage("a rule too many", "table alertRules") { (books, transaction) throws(StoreError) in
            try books.alertRules.copy(
                KeyPair(individual, .codesLow), to: KeyPair(individual, .packsLow),
                in: transaction)
        },
        Damage("a language that is gone", "the number of records in table alertLanguages") {
            (books, transaction) throws(StoreError) in
            try books.alertLanguages.remove(individual, in: transaction)
        },
        Damage("another language", "the log has not left the language of account individual") {
            (books, transaction) throws(StoreError) in
            try books.alertLanguages.put(
                individual, AlertLanguageRecord(language: .english), in: transaction)
        },
        Damage("another language of a contact", "the log has not left the language of contact") {
            (books, transaction) throws(StoreError) in
            try books.contactLanguages.put(
                KeyPair(individual, EmailAddress("ann@example.org")!),
                AlertLanguageRecord(language: .chinese), in: transaction)
        },
        Damage("a contact's language that is gone", "records in table contactLanguages") {
            (books, transaction) throws(StoreError) in
            try books.contactLanguages.remove(
                KeyPair(individual, EmailAddress("ann@example.org")!), in: transaction)
        },
        Damage("an alert that is gone", "alerts that are there") {
            (books, transaction) throws(StoreError) in
            try books.alerts.remove(1, in: transaction)
        },
        Damage("an alert that is resolved", "is open, or not, and the log has it otherwise") {
            (books, transaction) throws(StoreError) in
            var open: UInt64?
            try books.openAlerts.forEach(in: transaction) { _, record in
                open = record.number
                return .stop
            }
            guard let open else { throw .malformed(what: "the test's own: none is open") }
            try books.alerts.change(open, in: transaction) {
                $0.resolvedAt = Timestamp(milliseconds: 0)
            }
        },
        Damage("an alert of another number", "is not the one that the log left open") {
            (books, transaction) throws(StoreError) in
            var place: AlertPlace?
            try books.openAlerts.forEach(in: transaction) { found, _ in
                place = found
                return .stop
            }
            guard let place else { throw .malformed(what: "the test's own: none is open") }
            try books.openAlerts.put(place, OpenAlertRecord(number: 999), in: transaction)
        },
        Damage("an account without its alert", "is not among those of") {
            (books, transaction) throws(StoreError) in
            guard let account = try books.alerts.get(1, in: transaction)?.place.account else {
                throw .malformed(what: "the test's own: no alert")
            }
            try books.accountAlerts.remove(KeyPair(account, 1), in: transaction)
        },
        Damage("a message that is gone", "messages about alerts that are kept") {
            (books, transaction) throws(StoreError) in
            try books.notifications.remove(1, in: transaction)
        },
        Damage("a message of a later number", "is not one of the last") {
            (books, transaction) throws(StoreError) in
            try books.notifications.copy(1, to: 1 << 40, in: transaction)
        },
        Damage("a message that is listed with no alert", "message 1 is not among those about") {
            (books, transaction) throws(StoreError) in
            guard let alert = try books.notifications.get(1, in: transaction)?.alert else {
                throw .malformed(what: "the test's own: no message")
            }
            try books.alertNotifications.remove(KeyPair(alert, 1), in: transaction)
        },
        Damage("a message that is never sent", "message 2 is to be sent and is not listed") {
            (books, transaction) throws(StoreError) in
            guard let next = try books.notifications.get(2, in: transaction)?.nextAt else {
                throw .malformed(what: "the test's own: no message")
            }
            try books.dueNotifications.remove(KeyPair(next, 2), in: transaction)
        },
        Damage(
            "a message under way that is not listed",
            "the number of records in table begunNotifications"
        ) { (books, transaction) throws(StoreError) in
            try books.begunNotifications.remove(3, in: transaction)
        },
        Damage("an account's alert that is of a node", "is an account's, or not, and its kind") {
            (books, transaction) throws(StoreError) in
            guard let old = try books.alerts.get(1, in: transaction) else {
                throw .malformed(what: "the test's own: no alert")
            }
            let place = AlertPlace(
                account: old.place.account, kind: .backupOld, subject: old.place.subject)
            try books.alerts.put(
                1,
                AlertRecord(
                    place: place, firedAt: old.firedAt, value: old.value,
                    threshold: old.threshold),
                in: transaction)
        },
        Damage("a digest with a device twice", "the digest at-daily-limit of product PK4 is not") {
            (books, transaction) throws(StoreError) in
            try books.alertDigests.change(part, in: transaction) { $0.devices += $0.devices }
        },
        Damage("a digest elsewhere", "of product PK4 is of another account") {
            (books, transaction) throws(StoreError) in
            try books.alertDigests.copy(
                part,
                to: AlertPlace(
                    account: TestStore.acme, kind: .atDailyLimit, subject: part.subject),
                in: transaction)
        },
        Damage("a digest that is gone", "is open and has no digest") {
            (books, transaction) throws(StoreError) in
            try books.alertDigests.remove(
                AlertPlace(account: individual, kind: .atDailyLimit, subject: .account),
                in: transaction)
        },
    ]
}
