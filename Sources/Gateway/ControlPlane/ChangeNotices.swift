import Ledger
import Reactor

/// Tells the shards what was applied to the books, as far as it concerns clients that are connected. It
/// hangs on the ledger, so a change is heard of whichever way its command came.
struct ChangeNotices: Sendable {
    private let mailboxes: [Mailbox<ShardMessage>]
    private let homes: Homes
    private let importEnded: @Sendable () -> Void

    /// - Parameter importEnded: called when an import has rows to be moved or removed.
    init(_ commons: GatewayCommons, importEnded: @escaping @Sendable () -> Void) {
        mailboxes = commons.mailboxes
        homes = commons.homes
        self.importEnded = importEnded
    }

    func tell(_ change: Change) {
        switch change {
        case .productUpdated(let key, _), .packageUpgraded(let key, _, _),
            .productDeleted(let key, _), .codesAssigned(_, let key, _, _),
            .codesBought(_, _, _, product: .some(let key), _),
            .codesGranted(_, _, _, product: .some(let key), _):
            tellAll(.productChanged(key))
        case .deviceActivated(_, let entitlement, _) where entitlement.cause == .first:
            // It was consumed for a connection that waits for the answer.
            break
        case .deviceDisabled(let device, _), .deviceDeleted(let device),
            .deviceActivated(let device, _, _), .entitlementReopened(let device, _),
            .entitlementEnded(let device, _):
            tellHome(of: device, .deviceChanged(device))
        case .secretReset(let device): tellHome(of: device, .secretReset(device))
        case .topUp(let change): tell(change)
        case .devicesImported(_, _, import: .some), .importAbandoned: importEnded()
        case .keyRevoked(let key): tellAll(.keyRevoked(key))
        case .accountCreated, .account, .packageCreated, .productCreated, .codesBought,
            .codesGranted, .devicesImported, .importBegun, .deviceRegistered, .deviceRenewalSet,
            .secretConfirmed, .upgrade, .keyCreated, .sealingKeysAdopted:
            break
        }
    }

    private func tell(_ change: TopUpChange) {
        switch (change.entry, change.pack.kind) {
        case (.entered, .messages): tellAll(.packs(change.pack.account, .packsChanged))
        case (.entered, .ota), (.leased, _), (.settled, _), (.abandoned, _), (.deducted, _),
            (.returned, _), (.expired, _):
            break
        }
    }

    private func tellAll(_ message: ShardMessage) {
        for mailbox in mailboxes { mailbox.post(message) }
    }

    private func tellHome(of device: DeviceIdentity, _ message: ShardMessage) {
        mailboxes[homes.shard(of: device)].post(message)
    }
}
