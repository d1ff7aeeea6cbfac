import Randomness
import Testing
import Time

@testable import Ledger
@testable import LedgerModel

/// Random commands about a few accounts, their products in three data centres, and their codes,
/// small enough that they meet each other often.
struct TenantSource: CommandStream {
    private var random: SplitMix64
    private var now = Timestamp(milliseconds: 1_700_000_000_000)
    private var steps = 0

    /// What was sent under a key, to be sent again.
    private var keyed: [Command] = []

    /// Sub-accounts that the books have made.
    private var subAccounts: [AccountID] = []

    /// The first is the store's, like the first of the products.
    static let accounts = ["acme"].map { AccountID($0)! } + (1...8).map { AccountID("a\($0)")! }
    static let products = (1...6).map { ProductKey("PK\($0)")! }
    static let devices = ["d0", "d1", "d2"].map { DeviceKey($0)! }
    static let contacts = ["ann", "bob", "cy"].map { EmailAddress("\($0)@example.org")! }
    static let centres = ["main", "west", "east"].map { DataCentreID($0)! }
    static let free = PackageID("free")!
    static let freeDays: UInt32 = 30

    init(seed: UInt64) { random = SplitMix64(seed: seed &* 131) }

    static func store() throws -> TestStore { try TestStore() }

    static func terms(_ policy: FreeCodePolicy) -> FreeCodeTerms {
        FreeCodeTerms(
            policy: policy,
            package: free,
            allowance: Allowance(
                validityDays: freeDays, messagesPerDay: 50, otaPerMonth: 1, storageDays: 7)!
        )
    }

    mutating func learn(_ outcome: Outcome) {
        if case .done(.changed(.accounts(.created(let id, _, .some)))) = outcome {
            subAccounts.append(id)
        }
    }

    mutating func next() -> Command {
        steps += 1
        // Mostly forward by hours, sometimes by days or backward.
        switch number(20) {
        case 0: now = now.adding(milliseconds: -Int64(number(15)) * 43_200_000)
        case 1, 2: now = now.adding(days: Int64(number(12)))
        default: now = now.adding(milliseconds: Int64(number(14_400_000)))
        }
        if number(15) == 0, let old = keyed.randomElement(using: &random) { return again(old) }
        let action = nextAction()
        var key: String?
        switch action {
        case .accounts(.create), .accounts(.certify), .products(.create), .codes:
            // Mostly a key of its own, sometimes that of another command.
            if number(3) == 0 { key = "k\(number(4) == 0 ? number(steps) : steps)" }
        default: break
        }
        let command = Command(at: now, actor: "test", idempotencyKey: key, action: action)
        if key != nil { keyed.append(command) }
        return command
    }

    /// The same under the same key, later; the gateway's terms may be others by then.
    private mutating func again(_ old: Command) -> Command {
        var action = old.action
        if case .accounts(.certify(let id, _)) = action {
            action = .accounts(.certify(id, freeCodes: terms()))
        }
        return Command(
            at: now, actor: "test", idempotencyKey: old.idempotencyKey, action: action)
    }

    private mutating func number(_ bound: Int) -> Int { Int.random(in: 0..<bound, using: &random) }

    private mutating func pick<Element>(_ list: [Element]) -> Element { list[number(list.count)] }

    private mutating func terms() -> FreeCodeTerms? {
        let policies: [FreeCodePolicy?] = [nil, .perAccount, .perProduct]
        return policies[number(3)].map { Self.terms($0) }
    }

    private mutating func package() -> PackageID {
        pick([TestStore.small, TestStore.small, Self.free, Self.free, TestStore.large])
    }

    private mutating func nextAction() -> Action {
        let account = pick(Self.accounts)
        let product = pick(Self.products)
        let identity = DeviceIdentity(product: product, device: pick(Self.devices))
        switch number(100) {
        case 0..<9: return .accounts(.create(newAccount(account)))
        case 9..<14: return .accounts(.certify(parent() ?? account, freeCodes: terms()))
        case 14..<16:
            return .accounts(
                .update(
                    account,
                    AccountUpdate(
                        name: number(2) == 0 ? nil : "n\(number(3))",
                        email: number(2) == 0 ? nil : pick(Self.contacts))))
        case 16..<22:
            let contact = Contact(email: pick(Self.contacts), name: "c\(number(2))")
            return .accounts(.putContact(account, contact))
        case 22..<25: return .accounts(.removeContact(account, pick(Self.contacts)))
        case 25..<34: return .products(.create(newProduct(product, account)))
        case 34:
            switch number(4) {
            case 0: return .products(.delete(product))
            case 1: return .devices(.activateByHand(identity))
            default: return .products(.upgradePackage(product, to: package()))
            }
        case 35..<47:
            return .codes(
                .purchase(
                    account, package: package(), quantity: UInt64(number(7)),
                    product: number(3) == 0 ? product : nil)
            )
        case 47..<60:
            return .codes(.assign(product, package: package(), quantity: UInt64(number(5))))
        case 60..<63: return .devices(.activateByHand(identity))
        case 63..<70: return .devices(.renew(identity, at: centre()))
        default: return .devices(.activate(identity, confirmsSecret: nil, at: centre()))
        }
    }

    /// Sometimes one that can't be a parent.
    private mutating func parent() -> AccountID? {
        number(3) == 0 ? subAccounts.randomElement(using: &random) : nil
    }

    private mutating func centre() -> DataCentreID? {
        number(4) == 0 ? nil : pick(Self.centres)
    }

    private mutating func newAccount(_ id: AccountID) -> NewAccount {
        NewAccount(
            id: id,
            name: "Account \(id)",
            kind: pick([.individual, .individual, .enterprise]),
            parent: number(2) == 0 ? parent() ?? pick(Self.accounts) : nil,
            email: number(2) == 0 ? pick(Self.contacts) : nil,
            dataCentre: pick(Self.centres),
            freeCodes: terms()
        )
    }

    private mutating func newProduct(_ key: ProductKey, _ account: AccountID) -> NewProduct {
        NewProduct(
            key: key,
            name: "Meter \(key)",
            account: account,
            package: number(5) == 0 ? package() : nil,
            secret: SealedSecret("product-secret-\(key)")!,
            registration: .open,
            dataCentre: pick(Self.centres),
            freeCodes: terms()
        )
    }
}
