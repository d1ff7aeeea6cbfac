import Ledger
import Time

extension Documents {
    /// An entry of the log (rule E3): what every entry has, then what this change is about.
    static func event(_ event: Event) -> JSON {
        let head: [JSON.Member] = [
            .init(name: "sequence", value: JSON(event.sequence)),
            .init(name: "at", value: JSON(event.at)),
            .init(name: "actor", value: .text(event.actor)),
            .init(name: "change", value: .text(event.change.name)),
        ]
        guard case .object(let rest) = subject(of: event.change) else { return .object(head) }
        return .object(head + rest)
    }

    private static func subject(of change: Change) -> JSON {
        switch change {
        case .accounts(.created(let id, let kind, let parent)):
            ["account": JSON(id), "kind": .text(kind.name), "parent": JSON(parent)]
        case .packages(.created(let id, let allowance)):
            ["package": JSON(id), "validityDays": JSON(allowance.validityDays)]
        case .accounts(.updated(let id, let update)):
            ["account": JSON(id), "name": JSON(update.name), "email": JSON(update.email)]
        case .accounts(.certified(let id)): ["account": JSON(id)]
        case .accounts(.contactPut(let id, let contact)):
            ["account": JSON(id), "email": JSON(contact.email), "name": .text(contact.name)]
        case .accounts(.contactRemoved(let id, let email)):
            ["account": JSON(id), "email": JSON(email)]
        case .codes(.bought(let account, let package, let quantity, let product, let first)),
            .codes(.granted(let account, let package, let quantity, let product, let first)):
            [
                "account": JSON(account), "package": JSON(package), "quantity": JSON(quantity),
                "product": JSON(product), "firstCode": JSON(first),
            ]
        case .codes(.assigned(let account, let product, let package, let quantity)):
            [
                "account": JSON(account), "product": JSON(product), "package": JSON(package),
                "quantity": JSON(quantity),
            ]
        case .keys(.created(let id, let role)): ["key": JSON(id), "role": .text(role.name)]
        case .keys(.revoked(let id)): ["key": JSON(id)]
        case .keys(.renamed(let id, let name)): ["key": JSON(id), "name": .text(name)]
        case .packages(.renamed(let id, let name)): ["package": JSON(id), "name": .text(name)]
        case .keys(.sealingKeysAdopted(let numbers)):
            ["numbers": .array(numbers.map { JSON(Int($0)) })]
        case .metadata(.merged(let owner, let edits)):
            subject(of: owner, JSON(edits))
        case .clock(.confirmed(let before)): ["before": JSON(before)]
        case .corrections(let correction): subject(of: correction)
        case .limits(.adopted(let limits)):
            [
                "productsOfIndividual": JSON(limits.productsOfIndividual),
                "productsOfEnterprise": JSON(limits.productsOfEnterprise),
                "devicesOfProduct": JSON(limits.devicesOfProduct),
                "devicesOfAccount": JSON(limits.devicesOfAccount),
                "registrationsPerDay": JSON(limits.registrationsPerDay),
            ]
        case .productSecrets(.rotated(let product, let until)):
            ["product": JSON(product), "until": JSON(until)]
        case .productSecrets(.revoked(let product)): ["product": JSON(product)]
        case .cluster(.checkpoint(let number)), .cluster(.partitionsAssigned(let number)):
            ["number": JSON(number)]
        case .cluster(.nodeRemoved(let node)): ["node": JSON(node)]
        case .cluster(.sessionsFollowed(let node, let follower, let number)):
            ["node": JSON(node), "follower": JSON(follower), "number": JSON(number)]
        case .cluster(.sessionsInherited(let node, let follower, let number)),
            .cluster(.inheritanceSettled(let node, let follower, let number)):
            ["node": JSON(node), "follower": JSON(follower), "number": JSON(number)]
        case .webhooks(.created(let id, let account)), .webhooks(.deleted(let id, let account)):
            ["webhook": JSON(id), "account": JSON(account)]
        case .webhooks(.updated(let id, let account, let isOn)):
            ["webhook": JSON(id), "account": JSON(account), "on": JSON(isOn)]
        case .webhooks(.secretRotated(let id, let account, let until)):
            ["webhook": JSON(id), "account": JSON(account), "until": JSON(until)]
        case .authorities(.registered(let id, let account, let notAfter)):
            ["authority": JSON(id), "account": JSON(account), "notAfter": JSON(notAfter)]
        case .authorities(.updated(let id, let account, let isOn)):
            ["authority": JSON(id), "account": JSON(account), "on": JSON(isOn)]
        case .authorities(.removed(let id, let account)):
            ["authority": JSON(id), "account": JSON(account)]
        case .authorities(.removedWithHeir(let id, let account, let heir)):
            ["authority": JSON(id), "account": JSON(account), "heir": JSON(heir)]
        case .authorities(.pinningSet(let id, let account, let pinning)):
            ["authority": JSON(id), "account": JSON(account), "pinning": .text(pinning.name)]
        case .authorities(.rulesSet(let id, let account, let rules)):
            [
                "authority": JSON(id), "account": JSON(account),
                "pattern": rules.pattern.map { .text($0.text) } ?? .null,
                "product": rules.product.map { JSON($0) } ?? .null,
                "registersDevices": JSON(rules.registersDevices),
            ]
        case .authorities(.revoked(let id, let account, let count, let nextUpdate)):
            [
                "authority": JSON(id), "account": JSON(account), "revoked": JSON(count),
                "crlNextUpdate": nextUpdate.map { JSON($0) } ?? .null,
            ]
        case .alerts(let change): subject(of: change)
        case .firmware(let change): subject(of: change)
        case .campaigns(let change): subject(of: change)
        case .topUps(let change): subject(of: change)
        case .upgrades(let change): subject(of: change)
        case .products(.created(let key, let account)):
            ["product": JSON(key), "account": JSON(account)]
        case .products(.updated(let key, let update)):
            [
                "product": JSON(key), "name": JSON(update.name),
                "autoRenewal": update.autoRenewal.map { JSON($0) } ?? .null,
                "registration": JSON(update.registration?.name),
                "dayOffsetMinutes": JSON(update.dayOffset?.minutes),
                "messageLog": update.messageLog.map { JSON($0) } ?? .null,
            ]
        case .products(.packageUpgraded(let key, let from, let to)):
            ["product": JSON(key), "from": JSON(from), "to": JSON(to)]
        case .products(.deleted(let key, let forfeited)):
            ["product": JSON(key), "forfeited": JSON(forfeited)]
        case .products(.uplinkNamed(let key, let stream)):
            ["product": JSON(key), "stream": JSON(stream)]
        case .products(.dialectSet(let key, let dialect)):
            ["product": JSON(key), "dialect": dialect.map { Documents.dialect($0) } ?? .null]
        case .products(.limitsSet(let key, let limits)):
            ["product": JSON(key), "limits": limits.map { Documents.limits($0) } ?? .null]
        case .products(.tokenKeyAdded(let key, let id, let algorithm)):
            ["product": JSON(key), "tokenKey": JSON(id), "algorithm": .text(algorithm.name)]
        case .products(.tokenKeyRemoved(let key, let id)):
            ["product": JSON(key), "tokenKey": JSON(id)]
        case .products(.stateCounted(let key, let isCounted)):
            ["product": JSON(key), "counted": JSON(isCounted)]
        case .products(.uncountedSet(let key, let topics)):
            ["product": JSON(key), "topics": .array(topics.map { .text($0.text) })]
        case .imports(.imported(let product, let count, let number)):
            ["product": JSON(product), "count": JSON(count), "import": JSON(number)]
        case .imports(.begun(let product)): ["product": JSON(product)]
        case .imports(.abandoned(let product, let number)):
            ["product": JSON(product), "import": JSON(number)]
        case .devices(.activated(let identity, let entitlement, let place)):
            [
                "pk": JSON(identity.product), "dk": JSON(identity.device),
                "code": JSON(entitlement.code), "cause": .text(entitlement.cause.name),
                "activatedAt": JSON(entitlement.activatedAt),
                "expiresAt": JSON(entitlement.expiresAt), "dataCentre": JSON(place),
            ]
        case .devices(.entitlementEnded(let identity, let code)),
            .devices(.entitlementReopened(let identity, let code)):
            ["pk": JSON(identity.product), "dk": JSON(identity.device), "code": JSON(code)]
        case .devices(.disabled(let identity, let isDisabled)):
            [
                "pk": JSON(identity.product), "dk": JSON(identity.device),
                "disabled": JSON(isDisabled),
            ]
        case .devices(.renamed(let identity, let name)):
            ["pk": JSON(identity.product), "dk": JSON(identity.device), "name": .text(name)]
        case .devices(.limitsSet(let identity, let limits)):
            [
                "pk": JSON(identity.product), "dk": JSON(identity.device),
                "limits": limits.map { Documents.limits($0) } ?? .null,
            ]
        case .devices(.desiredChanged(let identity, let version)):
            ["pk": JSON(identity.product), "dk": JSON(identity.device), "version": JSON(version)]
        case .devices(.pinsSet(let identity, let pins)):
            [
                "pk": JSON(identity.product), "dk": JSON(identity.device),
                "fingerprints": .array(pins.map { JSON($0) }),
            ]
        case .devices(.renewalSet(let identity, let isOn)):
            ["pk": JSON(identity.product), "dk": JSON(identity.device), "autoRenewal": JSON(isOn)]
        case .devices(.registered(let identity)), .devices(.deleted(let identity)),
            .devices(.secretReset(let identity)), .devices(.secretConfirmed(let identity)),
            .devices(.messagesDeleted(let identity)):
            ["pk": JSON(identity.product), "dk": JSON(identity.device)]
        }
    }

    private static func subject(of owner: MetadataOwner, _ metadata: JSON) -> JSON {
        switch owner {
        case .account(let id): ["account": JSON(id), "metadata": metadata]
        case .product(let key): ["product": JSON(key), "metadata": metadata]
        case .device(let identity):
            [
                "pk": JSON(identity.product), "dk": JSON(identity.device),
                "metadata": metadata,
            ]
        }
    }
}

extension JSON {
    /// Null for a key that is gone.
    fileprivate init(_ edits: [MetadataEdit]) {
        self = .object(
            edits.map { Member(name: $0.key.text, value: JSON($0.value?.text)) })
    }
}
