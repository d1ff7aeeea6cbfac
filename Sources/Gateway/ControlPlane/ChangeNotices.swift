import Ledger
import Reactor

/// Tells the shards what was applied to the books, as far as it concerns clients that are connected. It
/// hangs on the ledger, so a change is heard of whichever way its command came.
struct ChangeNotices: Sendable {
    private let mailboxes: [Mailbox<ShardMessage>]
    private let homes: Homes
    private let clock: BooksClock
    private let isNode: Bool
    private let importEnded: @Sendable () -> Void

    /// - Parameter importEnded: called when an import has rows to be moved or removed.
    init(_ commons: GatewayCommons, importEnded: @escaping @Sendable () -> Void) {
        mailboxes = commons.mailboxes
        homes = commons.homes
        clock = commons.clock
        isNode = commons.neighbours != nil
        self.importEnded = importEnded
    }

    func tell(_ change: Change) {
        switch change {
        case .products(.updated(let key, _)), .products(.packageUpgraded(let key, _, _)),
            .products(.deleted(let key, _)), .products(.uplinkNamed(let key, _)),
            .products(.dialectSet(let key, _)), .products(.limitsSet(let key, _)),
            .products(.stateCounted(let key, _)), .products(.uncountedSet(let key, _)),
            .codes(.assigned(_, let key, _, _)),
            .codes(.bought(_, _, _, product: .some(let key), _)),
            .codes(.granted(_, _, _, product: .some(let key), _)):
            tellAll(.productChanged(key))
            if case .products(.deleted) = change { mailboxes[0].post(.statesForgotten(key)) }
        case .devices(.activated(_, let entitlement, _)) where entitlement.cause == .first:
            // It was consumed for a connection that waits for the answer.
            break
        case .devices(.deleted(let device)):
            tellHome(of: device, .deviceChanged(device))
            tellHome(of: device, .stateForgotten(device))
        case .devices(.desiredChanged(let device, _)):
            tellHome(of: device, .desiredChanged(device))
        case .devices(.disabled(let device, _)), .devices(.activated(let device, _, _)),
            .devices(.entitlementReopened(let device, _)),
            .devices(.entitlementEnded(let device, _)), .devices(.limitsSet(let device, _)):
            tellHome(of: device, .deviceChanged(device))
        case .devices(.secretReset(let device)): tellHome(of: device, .secretReset(device))
        case .devices(.pinsSet(let device, _)): tellHome(of: device, .pinsSet(device))
        case .corrections(let correction): tell(correction)
        case .clock(.confirmed):
            clock.confirm()
            tellAll(.tick)
        case .topUps(let change): tell(change)
        case .imports(.imported(_, _, import: .some)), .imports(.abandoned): importEnded()
        case .keys(.revoked(let key)): tellAll(.keyRevoked(key))
        case .firmware(.offered(let device, _, _)): tellHome(of: device, .upgradeOffered(device))
        case .accounts, .packages, .products(.created), .products(.tokenKeyAdded),
            .products(.tokenKeyRemoved), .codes(.bought), .codes(.granted), .imports(.imported),
            .imports(.begun), .devices(.registered), .devices(.renewalSet),
            .devices(.secretConfirmed), .devices(.messagesDeleted), .devices(.renamed), .metadata,
            .upgrades, .keys(.created), .keys(.renamed), .keys(.sealingKeysAdopted), .limits,
            .productSecrets, .cluster, .webhooks, .alerts, .authorities, .firmware(.added),
            .firmware(.deleted), .firmware(.explained), .campaigns:
            break
        }
    }

    private func tell(_ change: TopUpChange) {
        switch (change.entry, change.pack.kind) {
        case (.entered, .messages): tellAll(.packs(change.pack.account, .packsChanged))
        case (.settled(_, _, let returned, _), .messages) where returned > 0 && isNode:
            // On a gateway alone its shards tell each other.
            tellAll(.packs(change.pack.account, .unitsReturned))
        case (.entered, .ota), (.leased, _), (.settled, _), (.abandoned, _), (.deducted, _),
            (.returned, _), (.expired, _), (.voided, _):
            break
        }
    }

    /// A device whose entitlement was taken is disconnected; it may connect again.
    private func tell(_ correction: Correction) {
        switch correction.entry {
        case .assignmentVoided(_, let product, _, _, _): tellAll(.productChanged(product))
        case .purchaseVoided: tellAll(.productsChanged)
        case .consumptionVoided(let device, _): tellHome(of: device, .entitlementTaken(device))
        case .entitlementMoved(let device, let to, _):
            tellHome(of: device, .entitlementTaken(device))
            let other = DeviceIdentity(product: device.product, device: to)
            tellHome(of: other, .deviceChanged(other))
        case .topUpVoided(let pack, _):
            // What is leased of it goes back.
            if pack.kind == .messages { tellAll(.packs(pack.account, .packsChanged)) }
        }
    }

    private func tellAll(_ message: ShardMessage) {
        for mailbox in mailboxes { mailbox.post(message) }
    }

    private func tellHome(of device: DeviceIdentity, _ message: ShardMessage) {
        mailboxes[homes.shard(of: device)].post(message)
    }
}
