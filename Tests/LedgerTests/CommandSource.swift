import Randomness
import Testing
import Time

@testable import Ledger
@testable import LedgerModel

/// Random commands about a few products and devices, so that they meet each other often.
struct CommandSource: CommandStream {
    private var random: SplitMix64
    private var now = Timestamp(milliseconds: 1_700_000_000_000)
    private var secrets = 0
    private var sent: [DeviceIdentity: [SealedSecret]] = [:]
    private var firsts: [ActivationCode] = []

    /// The numbers of assignments, for a test that has asked the books for them.
    var assignments: [UInt64] = []

    static let products = ["PK1", "PK2", "PK3"]
    static let devices = (0..<5).map { "d\($0)" }

    init(seed: UInt64) { random = SplitMix64(seed: seed) }

    static func store() throws -> TestStore {
        let store = try TestStore()
        for action in beginning { try #require(store.apply(action).effect != nil) }
        return store
    }

    /// Behind the store's own.
    static var beginning: [Action] {
        products.dropFirst().map { .products(.create(TestStore.newProduct($0))) }
            + [
                .packages(
                    .create(TestStore.twin, name: "Twin", TestStore.allowances[TestStore.twin]!))
            ]
    }

    mutating func learn(_ outcome: Outcome) {
        if case .done(.changed(.codes(.bought(_, _, _, _, let first)))) = outcome {
            firsts.append(first)
        }
    }

    mutating func next() -> Command {
        // Mostly forward by hours, sometimes by days or backward.
        switch number(20) {
        case 0: now = now.adding(milliseconds: -Int64(number(15)) * 43_200_000)
        case 1, 2: now = now.adding(days: Int64(number(12)))
        default: now = now.adding(milliseconds: Int64(number(14_400_000)))
        }
        let action = nextAction()
        var key: String?
        if case .codes = action, number(3) == 0 { key = "k\(number(12))" }
        return Command(at: now, actor: "test", idempotencyKey: key, action: action)
    }

    private mutating func number(_ bound: Int) -> Int { Int.random(in: 0..<bound, using: &random) }

    private mutating func secret(for identity: DeviceIdentity) -> SealedSecret {
        secrets += 1
        let secret = SealedSecret("secret-\(secrets)")!
        sent[identity, default: []].append(secret)
        return secret
    }

    /// Of one of the last secrets that were sent for the device: it may be none of it any more, or
    /// never have been.
    private mutating func fingerprint(of identity: DeviceIdentity) -> SecretFingerprint {
        let last = sent[identity]?.suffix(2).randomElement(using: &random)
        return (last ?? secret(for: identity)).fingerprint
    }

    private mutating func correction(of identity: DeviceIdentity) -> CorrectionAction {
        switch number(8) {
        case 0, 1:
            let first = firsts.suffix(5).randomElement(using: &random)
            return .voidPurchase(
                TestStore.acme, first: first ?? ActivationCode(serial: 1),
                cause: "bought by mistake")
        case 2:
            let sequence = assignments.suffix(5).randomElement(using: &random)
            return .voidAssignment(
                TestStore.acme, sequence: sequence ?? 0, cause: "another product")
        case 3..<6: return .voidConsumption(identity, cause: "a wrong clock")
        default:
            return .move(
                identity, to: DeviceKey(Self.devices[number(5)])!, cause: "repaired")
        }
    }

    private mutating func nextAction() -> Action {
        let product = ProductKey(Self.products[number(3)])!
        let identity = TestStore.device(Self.devices[number(5)], of: product.text)
        let package = [TestStore.large, TestStore.small, TestStore.small, TestStore.twin][number(4)]
        switch number(100) {
        case 0..<4: return .corrections(correction(of: identity))
        case 4..<34:
            return .devices(
                .activate(
                    identity, confirmsSecret: number(2) == 0 ? fingerprint(of: identity) : nil))
        case 34..<46: return .devices(.renew(identity))
        case 46..<50: return .devices(.activateByHand(identity))
        case 50..<53: return .devices(.endEntitlement(identity))
        case 53..<57:
            return .devices(
                .endExpired(
                    limit: UInt32(1 + number(4)), graceMilliseconds: Int64(number(3)) * 3_600_000)
            )
        case 57..<65:
            return .codes(
                .purchase(
                    TestStore.acme, package: package, quantity: UInt64(number(12)),
                    product: number(2) == 0 ? product : nil)
            )
        case 65..<71:
            return .codes(.assign(product, package: package, quantity: UInt64(1 + number(8))))
        case 71..<75: return .devices(.delete(identity))
        case 75..<79: return .devices(.setDisabled(identity, number(3) == 0))
        case 79..<83: return .devices(.setRenewal(identity, number(2) == 0))
        case 83..<86:
            return .products(.update(product, ProductUpdate(autoRenewal: number(3) != 0)))
        case 86..<88:
            return .products(
                .update(
                    product,
                    ProductUpdate(registration: [.open, .open, .imported, .closed][number(4)]))
            )
        case 88..<92: return .devices(.register(identity, secret: secret(for: identity)))
        case 92..<94: return .devices(.resetSecret(identity, secret: secret(for: identity)))
        case 94..<95: return .devices(.confirmSecretUse(identity, fingerprint(of: identity)))
        case 95..<98:
            return .imports(
                .atOnce(
                    product,
                    (0...number(2)).map { _ in
                        let device = TestStore.device(Self.devices[number(5)], of: product.text)
                        return DeviceImport(device: device.device, secret: secret(for: device))
                    }
                )
            )
        case 98: return .products(.upgradePackage(product, to: package))
        default:
            return number(12) == 0
                ? .products(.delete(product)) : .devices(.endEntitlement(identity))
        }
    }
}
