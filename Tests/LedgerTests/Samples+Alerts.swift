import Storage
import Time

@testable import Ledger
@testable import LedgerModel

/// Of alerts.
extension Samples {
    static let run = GatewayRun(node: NodeName("n1")!, number: 300)

    static var alertSettings: AlertSettings {
        var settings = AlertSettings()
        settings.mails = true
        settings.codesNumber = 300
        settings.codesPercent = 5
        settings.packsPercent = 100
        settings.nearExpiryDays = 1
        return settings
    }

    private static let rule = AlertRule(isOn: false, number: 300, percent: 20, days: 7)
    private static let lowCodes = AlertPlace(
        account: TestStore.acme, kind: .codesLow, subject: .product(TestStore.product))
    private static let lowPacks = AlertPlace(
        account: TestStore.acme, kind: .packsLow, subject: .packs(.ota))

    private static let atLimit = AlertPlace(
        account: TestStore.acme, kind: .atDailyLimit, subject: .account)

    private static let oldBackup = AlertPlace(
        account: nil, kind: .backupOld, subject: .node(run.node))

    private static let endingAuthority = AlertPlace(
        account: TestStore.acme, kind: .authorityEnding,
        subject: .authority(authority("a1", of: TestStore.acme).id))

    static let alertActions: [Action] = [
        .alerts(.adopt(AlertSettings())), .alerts(.adopt(alertSettings)),
        .alerts(.setRule(TestStore.acme, .packsLow, rule)),
        .alerts(.resetRule(TestStore.acme, .nearExpiry)),
        .alerts(.setLanguage(TestStore.acme, .chinese)),
        .alerts(.review(limit: 300)), .alerts(.sweep(limit: 1)),
        .alerts(.begin([], run: run)), .alerts(.begin([1, 300], run: run)),
        .alerts(
            .report(
                [
                    NotificationReport(
                        id: 300, status: 451, answer: "later", state: .waiting,
                        nextAt: Timestamp(milliseconds: 4))
                ], run: run)),
        .alerts(.retry(300)),
        .alerts(.gather(.refusedForCode, [])),
        .alerts(.gather(.atDailyLimit, [TestStore.device("d1"), TestStore.device("d2")])),
        .alerts(.find(finding)), .alerts(.noteBackup(run.node, at: Timestamp(milliseconds: 4))),
        .alerts(
            .setContactLanguage(TestStore.acme, EmailAddress("o@example.org")!, .chinese)),
    ]

    static let finding = NodeFinding(
        node: run.node, kind: .certificateEnding, isCrossed: true, value: 7, threshold: 300,
        recipient: EmailAddress("o@example.org")!, language: .chinese)

    static let alertChanges: [Change] = [
        .alerts(.settingsAdopted(alertSettings)),
        .alerts(.ruleSet(TestStore.acme, .codesLow, rule)),
        .alerts(.ruleReset(TestStore.acme, .nearExpiry)),
        .alerts(.languageSet(TestStore.acme, .english)),
        .alerts(.fired(300, lowCodes, value: 7, threshold: 300)),
        .alerts(.fired(1, lowPacks, value: 0, threshold: 1)),
        .alerts(.resolved(300, lowCodes, value: 1 << 40)),
        .alerts(.notificationRetried(300, account: TestStore.acme)),
        .alerts(.fired(2, atLimit, value: 300, threshold: 1)),
        .alerts(.repeated(2, atLimit, value: 300)),
        .alerts(.fired(3, oldBackup, value: 300, threshold: 1)),
        .alerts(.notificationRetried(300, account: nil)),
        .alerts(.fired(4, endingAuthority, value: 7, threshold: 30)),
        .alerts(
            .contactLanguageSet(TestStore.acme, EmailAddress("o@example.org")!, .chinese)),
    ]

    static let alertRefusals: [Refusal] = [
        .alerts(.unknownNotification(300)), .alerts(.notGivenUp(1)),
    ]
}

extension TestStore {
    /// The first hundred alerts, in the order in which they were fired.
    func alerts() throws -> [Alert] {
        try read { books, transaction throws(StoreError) in
            try books.alerts(limit: 100, in: transaction).elements
        }
    }
}
