import Storage
import Time

@testable import Ledger
@testable import LedgerModel

extension LedgerRecords {
    private static let lowCodes = AlertPlace(
        account: acme, kind: .codesLow, subject: .product(product))
    private static let lowPacks = AlertPlace(
        account: acme, kind: .packsLow, subject: .packs(.messages))

    private static var fullWhole: AlertsRecord {
        var whole = AlertsRecord()
        whole.settings.mails = true
        whole.settings.codesNumber = .max
        whole.settings.codesPercent = 100
        whole.settings.packsPercent = 1
        whole.settings.nearExpiryDays = 300
        whole.reviewed = .max
        whole.isSweeping = true
        whole.sweptProduct = product
        whole.sweptAt = time
        whole.lastAlert = 300
        whole.lastNotification = .max
        return whole
    }

    private static var resolved: AlertRecord {
        var alert = AlertRecord(place: lowPacks, firedAt: time, value: .max, threshold: 300)
        alert.resolvedAt = latest
        alert.resolvedValue = .max
        return alert
    }

    private static var open: AlertRecord {
        AlertRecord(place: lowCodes, firedAt: time, value: 0, threshold: 1)
    }

    private static let atLimit = AlertPlace(account: acme, kind: .atDailyLimit, subject: .account)

    private static var repeated: AlertRecord {
        var alert = AlertRecord(place: atLimit, firedAt: time, value: 300, threshold: 1)
        alert.repeatedAt = latest
        alert.digest = [
            AlertDigestLine(
                product: product, devices: 300, first: [DeviceKey("d1")!, DeviceKey("d2")!])
        ]
        return alert
    }

    private static var delayed: AlertRecord {
        var alert = repeated
        alert.earlier = [
            AlertTelling(
                at: time, value: 7,
                digest: [AlertDigestLine(product: product, devices: 7, first: [DeviceKey("d9")!])])
        ]
        return alert
    }

    private static let node = NodeName("gate-1")!
    private static let certificate = AlertPlace(
        account: nil, kind: .certificateEnding, subject: .node(node))

    private static var gathered: AlertDigestRecord {
        var digest = AlertDigestRecord()
        digest.devices = [DeviceKey("d1")!, DeviceKey("d2")!]
        digest.products = 300
        digest.seenAt = time
        digest.toldAt = latest
        return digest
    }

    private static var message: NotificationRecord {
        NotificationRecord(
            alert: 1, account: acme, isResolution: false, recipient: email, language: .english,
            createdAt: time)
    }

    private static var begunMessage: NotificationRecord {
        var message = NotificationRecord(
            alert: .max, account: acme, isResolution: true, recipient: email, language: .chinese,
            createdAt: time)
        message.state = .underWay
        message.attempts = .max
        message.failures = 300
        message.unknownOutcomes = 1
        message.nextAt = latest
        message.run = GatewayRun(node: NodeName("n1")!, number: .max)
        message.status = 451
        message.answer = "4.7.1 später"
        message.endedAt = latest
        return message
    }

    static func alerts(_ books: Books) -> [GoldenTable] {
        [
            GoldenTable(
                books.alertBooks, keys: ["plain": Books.alertsKey],
                records: ["new": AlertsRecord(), "full": fullWhole]),
            GoldenTable(
                books.alertRules, keys: ["plain": KeyPair(acme, AlertKind.packsLow)],
                records: [
                    "plain": AlertRuleRecord(
                        rule: AlertRule(isOn: false, number: .max, percent: 100, days: 300),
                        at: time, actor: "k")
                ]),
            GoldenTable(
                books.alertLanguages, keys: ["plain": acme],
                records: ["plain": AlertLanguageRecord(language: .chinese)]),
            GoldenTable(
                books.alerts, keys: ["plain": 300],
                records: [
                    "open v2": open, "resolved v2": resolved, "repeated v2": repeated,
                    "delayed v3": delayed,
                    "node v2": AlertRecord(
                        place: certificate, firedAt: time, value: 7, threshold: 30),
                ],
                older: ["open": open, "resolved": resolved]),
            GoldenTable(
                books.accountAlerts, keys: ["plain": KeyPair(acme, 300 as UInt64)]),
            GoldenTable(
                books.openAlerts,
                keys: [
                    "product": lowCodes, "packs": lowPacks, "account": atLimit,
                    "node": certificate,
                ],
                records: ["plain": OpenAlertRecord(number: 300)]),
            GoldenTable(
                books.notifications, keys: ["plain": 300],
                records: [
                    "waiting": message, "under way": begunMessage,
                    "operator": NotificationRecord(
                        alert: 1, account: nil, isResolution: false, recipient: email,
                        language: .english, createdAt: time),
                ]),
            GoldenTable(
                books.alertNotifications,
                keys: ["plain": KeyPair(300 as UInt64, UInt64.max)]),
            GoldenTable(
                books.dueNotifications, keys: ["plain": KeyPair(time, 300 as UInt64)]),
            GoldenTable(books.begunNotifications, keys: ["plain": 300]),
            GoldenTable(
                books.alertDigests, keys: ["account": atLimit],
                records: ["new": AlertDigestRecord(), "full": gathered]),
            GoldenTable(
                books.contactLanguages, keys: ["plain": KeyPair(acme, email)],
                records: ["plain": AlertLanguageRecord(language: .chinese)]),
            GoldenTable(
                books.nodeBackups, keys: ["plain": node],
                records: ["plain": NodeBackupRecord(at: time)]),
        ]
    }
}
