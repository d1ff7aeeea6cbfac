import Randomness
import Testing
import Time

@testable import Ledger
@testable import LedgerModel

/// Random commands about packs and upgrades of a few products and devices, small enough that they
/// meet each other often.
struct PacksSource: CommandStream {
    private var random: SplitMix64
    private var now = Timestamp(milliseconds: 1_700_000_000_000)
    private var steps = 0

    /// Leases that the books have made, and upgrades that were admitted.
    private var leases: [UInt64] = []
    private var upgrades: [(DeviceIdentity, UpgradeID)] = []
    private var packs: [UInt64] = []

    static let beta = AccountID("beta")!
    static let mega = PackageID("mega")!
    static let products = [
        ProductKey("PK1")!: TestStore.acme, ProductKey("PK2")!: TestStore.acme,
        ProductKey("PK3")!: beta,
    ]
    static let keys = products.keys.sorted()
    static let devices = ["d0", "d1", "d2"].map { DeviceKey($0)! }
    static let holders = ["gateway-1", "gateway-2"].map { LeaseHolder($0)! }

    init(seed: UInt64) { random = SplitMix64(seed: seed) }

    static func store() throws -> TestStore {
        let store = try TestStore()
        let mega = Allowance(
            validityDays: 30, messagesPerDay: 1_000, otaPerMonth: 4, storageDays: 7)!
        let actions: [Action] = [
            .accounts(.create(NewAccount(id: PacksSource.beta, name: "Beta", kind: .individual))),
            .packages(.create(PacksSource.mega, name: "Mega", mega)),
            .products(.create(TestStore.newProduct("PK2"))),
            .products(.create(TestStore.newProduct("PK3", account: PacksSource.beta))),
        ]
        for action in actions { try #require(store.apply(action).effect != nil) }
        return store
    }

    mutating func learn(_ outcome: Outcome) {
        if case .done(.leased(let lease)) = outcome { leases.append(lease.id) }
        if case .done(.changed(.topUps(let change))) = outcome, case .entered = change.entry {
            packs.append(change.pack.id)
        }
        if case .done(.upgrade(let upgrade)) = outcome {
            upgrades.append((upgrade.identity, upgrade.id))
        }
    }

    mutating func next() -> Command {
        steps += 1
        // Mostly forward by hours, sometimes by days or backward, also over the turn of a month.
        switch number(20) {
        case 0: now = now.adding(milliseconds: -Int64(number(15)) * 43_200_000)
        case 1: now = now.adding(days: Int64(number(12)))
        default: now = now.adding(milliseconds: Int64(number(7_200_000)))
        }
        let action: Action =
            switch number(20) {
            case 0..<9: .topUps(nextTopUp())
            case 9..<15: .upgrades(nextUpgrade())
            default: nextOther()
            }
        var key: String?
        if case .topUps(.enter) = action, number(3) == 0 { key = "k\(number(90))" }
        return Command(at: now, actor: "test", idempotencyKey: key, action: action)
    }

    private mutating func number(_ bound: Int) -> Int { Int.random(in: 0..<bound, using: &random) }

    private mutating func nextTopUp() -> TopUpAction {
        let account = number(4) == 0 ? Self.beta : TestStore.acme
        switch number(20) {
        case 0..<5:
            return .enter(
                account,
                number(2) == 0 ? .messages : .ota,
                source: number(4) == 0 ? .gift : .purchase,
                quantity: UInt64(number(20)),
                // Whole days, so that some expire together.
                expiresAt: Timestamp(
                    milliseconds: (now.milliseconds / TestStore.day + Int64(number(15)))
                        * TestStore.day
                )
            )
        case 5..<11:
            return .lease(
                account,
                holder: Self.holders[number(2)],
                needed: UInt64(number(6)),
                block: UInt64(number(9))
            )
        case 11..<16:
            let recent = leases.suffix(6)
            let lease = recent.isEmpty ? 1 : recent[recent.startIndex + number(recent.count)]
            let uses = (0..<number(3)).map { _ in
                TopUpUse(device: identity(), units: UInt64(number(3)))
            }
            return .settle(lease: lease, used: UInt64(number(6)), uses: uses)
        case 16: return .abandon(holder: Self.holders[number(2)], limit: UInt32(1 + number(4)))
        default: return .expire(limit: UInt32(1 + number(3)))
        }
    }

    private mutating func nextUpgrade() -> UpgradeAction {
        if number(3) == 0, let (identity, id) = upgrades.suffix(8).randomElement(using: &random) {
            return .report(identity, id, succeeded: number(3) == 0)
        }
        if number(12) == 0 {
            return .expire(
                limit: UInt32(1 + number(3)), ageMilliseconds: Int64(number(4)) * TestStore.day)
        }
        // Mostly a new name, sometimes one that was used before.
        let id = UpgradeID("u\(steps - (number(8) == 0 ? number(30) : 0))")!
        let units = UInt64(1 + number(6)) * UpgradeSize.attemptBytes
        let bytes = [units, units - 1, units + 1][number(3)]
        if number(12) == 0, let (identity, id) = upgrades.last {
            return .request(identity, id, UpgradeSize(bytes: bytes)!)
        }
        return .request(identity(), id, UpgradeSize(bytes: bytes)!)
    }

    /// PK3's least often.
    private mutating func identity() -> DeviceIdentity {
        DeviceIdentity(
            product: Self.keys[[0, 0, 0, 1, 1, 2][number(6)]],
            device: Self.devices[number(3)]
        )
    }

    private mutating func nextOther() -> Action {
        let identity = identity()
        let product = identity.product
        switch number(80) {
        case 0..<6: return .devices(.setDisabled(identity, number(4) == 0))
        case 6, 7: return .devices(.delete(identity))
        case 8..<14:
            return .codes(
                .purchase(
                    Self.products[product]!, package: TestStore.small, quantity: 1_000,
                    product: product)
            )
        case 14..<17:
            let offset = UTCOffset(minutes: [-660, 0, 480][number(3)])
            return .products(.update(product, ProductUpdate(dayOffset: offset)))
        case 17:
            return .products(.upgradePackage(product, to: Self.mega))
        case 19..<27:
            return .corrections(
                .voidTopUp(
                    number(4) == 0 ? Self.beta : TestStore.acme,
                    pack: packs.suffix(9).randomElement(using: &random) ?? 1, cause: "refund"))
        case 18: return number(8) == 0 ? .products(.delete(product)) : .topUps(.expire(limit: 9))
        default: return .devices(.activate(identity, confirmsSecret: nil))
        }
    }
}
