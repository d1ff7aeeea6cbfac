import Randomness
import Time

@testable import Ledger
@testable import LedgerModel

/// Random steps of imports in chunks among the commands of `CommandSource`, about the same devices.
struct ImportSource: CommandStream {
    struct Import {
        let product: String
        let number: UInt64
        var rows: UInt64 = 0
        var devices: [DeviceKey] = []
        var isReceiving = true
    }

    private var source: CommandSource
    private var random: SplitMix64
    private var imports: [Import] = []
    private var last: Action?
    private var secrets = 0
    private var steps = 0
    private var deletions = 0

    /// One product stays.
    private static let deletionsMaximum = 2

    init(seed: UInt64) {
        source = CommandSource(seed: seed)
        random = SplitMix64(seed: seed &* 77)
    }

    static func store() throws -> TestStore { try CommandSource.store() }

    private mutating func number(_ bound: Int) -> Int { Int.random(in: 0..<bound, using: &random) }

    private mutating func secret() -> SealedSecret {
        secrets += 1
        return SealedSecret("import-\(secrets)")!
    }

    /// Half of the time a step of an import; and often the end of a device, so that there is something
    /// to import, or the same device by itself.
    mutating func next() -> Command {
        var command = source.next()
        steps += 1
        let identity = identity()
        var action: Action?
        switch number(20) {
        case 0: break
        case 1:
            action = .codes(
                .purchase(
                    TestStore.acme, package: number(3) == 0 ? TestStore.large : TestStore.small,
                    quantity: 4,
                    product: identity.product)
            )
        case 2...3: action = .devices(.activate(identity, confirmsSecret: nil))
        case 4...6: action = .devices(.delete(identity))
        case 7: action = underWay(of: identity.product.text) ?? .devices(.delete(identity))
        case 8: action = .devices(.register(identity, secret: secret()))
        default: action = .imports(step())
        }
        if let action { command = Command(at: command.at, actor: "test", action: action) }
        last = command.action
        return command
    }

    /// Half of the time one of an import that is, or was just, under way.
    private mutating func identity() -> DeviceIdentity {
        if number(2) == 0, let some = imports.suffix(3).randomElement(using: &random),
            let device = some.devices.randomElement(using: &random)
        {
            return DeviceIdentity(product: ProductKey(some.product)!, device: device)
        }
        return TestStore.device(
            CommandSource.devices[number(5)], of: CommandSource.products[number(3)])
    }

    /// Late in the life: the end of a product with an import under way (rule B9).
    private mutating func underWay(of product: String) -> Action? {
        guard steps > 200, deletions < Self.deletionsMaximum,
            imports.contains(where: { $0.product == product && $0.isReceiving && $0.rows > 0 })
        else { return nil }
        deletions += 1
        return .products(.delete(ProductKey(product)!))
    }

    private mutating func step() -> ImportAction {
        let receiving = imports.indices.filter { imports[$0].isReceiving }
        guard !receiving.isEmpty, number(10) > 1 else {
            if number(3) == 0 { return .move(limit: UInt32(1 + number(3))) }
            return .begin(ProductKey(CommandSource.products[number(3)])!, key: nil, run: 1)
        }
        let chosen = imports[receiving[number(receiving.count)]]
        let product = ProductKey(chosen.product)!
        switch number(10) {
        case 0: return .move(limit: UInt32(1 + number(2)))
        case 1: return .abandon(product, import: chosen.number)
        case 2...4 where chosen.rows > 0:
            return .commit(
                product, import: chosen.number, rows: chosen.rows,
                digest: FileDigest(high: 0, low: chosen.rows))
        default:
            let rows = (0...number(2)).map { index in
                let key = DeviceKey(CommandSource.devices[number(5)])!
                let device = DeviceImport(device: key, secret: secret())
                return ImportLine(line: UInt64(index), device: device)
            }
            return .stage(product, import: chosen.number, after: chosen.rows, rows: rows)
        }
    }

    mutating func learn(_ outcome: Outcome) {
        guard case .imports(let action)? = last, outcome.effect != nil else { return }
        switch action {
        case .begin(let product, _, _):
            guard case .done(.importBegun(let number)) = outcome else { return }
            imports.append(Import(product: product.text, number: number))
        case .stage(_, let number, _, let rows):
            change(number) {
                $0.rows += UInt64(rows.count)
                $0.devices += rows.map(\.device.device)
            }
        case .commit(_, let number, _, _), .abandon(_, let number):
            change(number) { $0.isReceiving = false }
        case .atOnce, .abandonOthers, .move: break
        }
    }

    private mutating func change(_ number: UInt64, _ body: (inout Import) -> Void) {
        for index in imports.indices where imports[index].number == number {
            body(&imports[index])
        }
    }
}
