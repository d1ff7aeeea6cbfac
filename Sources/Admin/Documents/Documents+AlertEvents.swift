import Ledger

/// What entries of the log say about alerts (rule E2).
extension Documents {
    static func subject(of change: AlertChange) -> JSON {
        switch change {
        case .settingsAdopted(let settings):
            [
                "mails": JSON(settings.mails), "codesNumber": JSON(settings.codesNumber),
                "codesPercent": JSON(settings.codesPercent),
                "packsPercent": JSON(settings.packsPercent),
                "nearExpiryDays": JSON(settings.nearExpiryDays),
            ]
        case .ruleSet(let account, let kind, let rule):
            [
                "account": JSON(account), "rule": .text(kind.name), "on": JSON(rule.isOn),
                "number": JSON(rule.number), "percent": JSON(rule.percent),
                "days": JSON(rule.days),
            ]
        case .ruleReset(let account, let kind):
            ["account": JSON(account), "rule": .text(kind.name)]
        case .languageSet(let account, let language):
            ["account": JSON(account), "language": .text(language.name)]
        case .contactLanguageSet(let account, let email, let language):
            [
                "account": JSON(account), "email": JSON(email),
                "language": .text(language.name),
            ]
        case .fired(let number, let place, let value, let threshold):
            subject(
                of: place,
                ["alert": JSON(number), "value": JSON(value), "threshold": JSON(threshold)])
        case .resolved(let number, let place, let value):
            subject(of: place, ["alert": JSON(number), "value": JSON(value)])
        case .repeated(let number, let place, let value):
            subject(of: place, ["alert": JSON(number), "value": JSON(value)])
        case .notificationRetried(let id, let account):
            ["account": JSON(account), "notification": JSON(id)]
        }
    }

    private static func subject(of place: AlertPlace, _ rest: JSON) -> JSON {
        guard case .object(let members) = rest else { return rest }
        let head: [JSON.Member] = [
            .init(name: "account", value: JSON(place.account)),
            .init(name: "rule", value: .text(place.kind.name)),
            .init(name: "product", value: JSON(place.subject.product)),
            .init(name: "packs", value: JSON(place.subject.packs?.name)),
            .init(name: "node", value: JSON(place.subject.node)),
            .init(name: "authority", value: JSON(place.subject.authority)),
        ]
        return .object(head + members)
    }
}
