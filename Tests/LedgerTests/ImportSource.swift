import Time

@testable import Ledger

/// Random steps of imports in chunks among the commands of `CommandSource`, about the same devices.
struct ImportSource: CommandStream {
    struct Import {
        let product: String
        let number: UInt64
        var rows: UInt64 = 0
        var isReceiving = true
    }

    private var source: CommandSource
    private var random: SplitMix64
    private var imports: [Import] = []
    private var last: Action?
    private var secrets = 0

    init(seed: UInt64) {
        source = CommandSource(seed: seed)
        random = SplitMix64(seed: seed &* 77)
    }

    static func desk() throws -> Desk { try CommandSource.desk() }

    private mutating func number(_ bound: Int) -> Int { Int.random(in: 0..<bound, using: &random) }

    private mutating func secret() -> SealedSecret {
        secrets += 1
        return SealedSecret("import-\(secrets)")!
    }

    /// Half of the time a step of an import; and often the end of a device, so that there is something
    /// to import, or the same device by itself.
    mutating func next() -> Command {
        var command = source.next()
        let identity = Desk.device(
            CommandSource.devices[number(5)], of: CommandSource.products[number(3)])
        var action: Action?
        switch number(10) {
        case 0...1: break
        case 2...3: action = .deleteDevice(identity)
        case 4: action = .registerDevice(identity, secret: secret())
        default: action = .importing(step())
        }
        if let action { command = Command(at: command.at, actor: "test", action: action) }
        last = command.action
        return command
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
        case 0: return .move(limit: UInt32(1 + number(3)))
        case 1: return .abandon(product, import: chosen.number)
        case 2...5:
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
        guard case .importing(let action)? = last, outcome.effect != nil else { return }
        switch action {
        case .begin(let product, _, _):
            guard case .done(.importBegun(let number)) = outcome else { return }
            imports.append(Import(product: product.text, number: number))
        case .stage(_, let number, _, let rows):
            change(number) { $0.rows += UInt64(rows.count) }
        case .commit(_, let number, _, _), .abandon(_, let number):
            change(number) { $0.isReceiving = false }
        case .abandonOthers, .move: break
        }
    }

    private mutating func change(_ number: UInt64, _ body: (inout Import) -> Void) {
        for index in imports.indices where imports[index].number == number {
            body(&imports[index])
        }
    }
}
