import Time

@testable import Ledger
@testable import LedgerModel

extension Tour {
    /// Alerts of PK4, whose account has an address and contacts, and of others; of the messages, 1 was sent, 2 was given
    /// up and is to be sent again, 3 is under way, and the others wait. Devices at their daily limit were told of, and others
    /// gathered since.
    static func alerts(of individual: AccountID) -> [Action] {
        func report(_ id: UInt64, _ state: NotificationState) -> NotificationReport {
            NotificationReport(
                id: id, status: 250, answer: "ok", state: state,
                nextAt: Timestamp(milliseconds: 1_900_000_000_000))
        }
        func device(_ key: String) -> DeviceIdentity { TestStore.device(key, of: "PK4") }
        let all = AlertRule(number: 1_000, percent: 100)
        return [
            .alerts(.adopt(Samples.alertSettings)),
            .alerts(.setLanguage(individual, .chinese)),
            .alerts(.setRule(individual, .codesLow, all)),
            .alerts(.setRule(individual, .nearExpiry, all)),
            .alerts(.resetRule(individual, .nearExpiry)),
            .alerts(.review(limit: 1_000)), .alerts(.sweep(limit: 1_000)),
            .alerts(.begin([1, 2, 3], run: Samples.run)),
            .alerts(.report([report(1, .sent), report(2, .givenUp)], run: Samples.run)),
            .alerts(.retry(2)),
            .alerts(.setRule(individual, .codesLow, AlertRule(isOn: false, number: 0))),
            .alerts(.sweep(limit: 1_000)),
            .alerts(.gather(.atDailyLimit, [device("g1"), device("g2")])),
            .alerts(.gather(.atDailyLimit, [device("g3"), device("g1")])),
            .alerts(.begin([3], run: Samples.run)),
            .alerts(
                .setContactLanguage(individual, EmailAddress("ann@example.org")!, .english)),
            .alerts(.find(Samples.finding)),
            .alerts(.noteBackup(NodeName("n1")!, at: Timestamp(milliseconds: 300))),
        ]
    }
}
