import Storage
import Testing
import Time

@testable import Ledger

/// Imports in chunks among all other commands, held against the model, which imports in one step.
@Suite struct ImportPropertyTests {
    @Test(
        "A10: with imports at any step between them, commands leave the books as the model has them"
    )
    func model() throws {
        var (commits, conflicts) = (0, 0)
        for seed in UInt64(1)...5 {
            let imports = try Self.run(seed: seed)
            commits += imports.commits
            conflicts += imports.conflicts
        }
        #expect(commits > 20 && conflicts > 2)
    }

    private static func run(seed: UInt64) throws -> ImportSource {
        let desk = try Desk()
        for key in CommandSource.products.dropFirst() {
            try #require(desk.apply(.createProduct(Desk.newProduct(key))).effect != nil)
        }
        var model = Model()
        var source = CommandSource(seed: seed)
        var imports = ImportSource(seed: seed)
        for step in 1...600 {
            let next = source.next()
            let command = imports.command(instead: next)
            let outcome = try apply(command, to: desk)
            var refusal: String?
            if case .refused(let reason) = outcome { refusal = reason.name }
            let place = "seed \(seed), step \(step): \(command)"
            if case .importing(let action) = command.action {
                let expected = imports.apply(action, outcome, &model, at: command.at)
                try #require(refusal == expected, "\(place)")
            } else {
                try #require(refusal == model.apply(command), "\(place)")
            }
            imports.notice(model)
            try compare(desk, model, place)
            if step % 10 == 0 { try #require(desk.findings() == [], "\(place)") }
        }
        try desk.moveAll()
        try compare(desk, model, "seed \(seed), at the end")
        try #require(desk.findings() == [])
        return imports
    }

    private static func apply(_ command: Command, to desk: Desk) throws -> Outcome {
        let transaction = try WriteTransaction(in: desk.environment)
        let outcome = try desk.books.apply(command, in: transaction)
        try transaction.commit()
        return outcome
    }

    private static func compare(_ desk: Desk, _ model: Model, _ place: String) throws {
        for (key, product) in model.products {
            let figures = try desk.figures(of: key)
            let known = product.devices.filter(\.value.isRegistered)
            try #require(figures.devicesKnown == UInt64(known.count), "\(place)")
            let active = known.values.count { $0.isActive }
            try #require(figures.devicesActive == UInt64(active), "\(place)")
            try #require(try desk.list(of: key, limit: 2) == known.keys.sorted(), "\(place)")
            for device in CommandSource.devices {
                let record = try desk.record(device, of: key)
                let expected = product.devices[device]
                try #require(record?.isRegistered == expected?.isRegistered, "\(place)")
                try #require(record?.isDisabled == expected?.isDisabled, "\(place)")
                try #require(record?.isOpen == expected?.isOpen, "\(place)")
                try #require(record?.secret == expected?.secret, "\(place)")
                try #require(record?.entitlement == expected?.periods.last, "\(place)")
            }
        }
    }
}

/// Random steps of imports, and what must become of each.
private struct ImportSource {
    private struct Import {
        let product: String
        let number: UInt64
        var rows: [DeviceImport] = []
        var isReceiving = true
        var isConflicting = false
    }

    private var random: SplitMix64
    private var imports: [Import] = []
    private var secrets = 0
    private(set) var commits = 0
    private(set) var conflicts = 0

    init(seed: UInt64) { random = SplitMix64(seed: seed &* 77) }

    private mutating func number(_ bound: Int) -> Int { Int.random(in: 0..<bound, using: &random) }

    /// Half of the time a step of an import, at the time of the command that it replaces; and often
    /// the end of a device, so that there is something to import, or the same device by itself.
    mutating func command(instead other: Command) -> Command {
        let product = CommandSource.products[number(3)]
        let identity = Desk.device(CommandSource.devices[number(5)], of: product)
        let action: Action
        switch number(10) {
        case 0...1: return other
        case 2...3: action = .deleteDevice(identity)
        case 4:
            secrets += 1
            action = .registerDevice(identity, secret: SealedSecret("register-\(secrets)")!)
        default: action = .importing(self.action())
        }
        return Command(at: other.at, actor: "test", action: action)
    }

    private mutating func action() -> ImportAction {
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
            let rows = UInt64(chosen.rows.count)
            return .commit(
                product, import: chosen.number, rows: rows, digest: FileDigest(high: 0, low: rows))
        default:
            let rows = (0...number(2)).map { index in
                secrets += 1
                let key = DeviceKey(CommandSource.devices[number(5)])!
                let device = DeviceImport(device: key, secret: SealedSecret("import-\(secrets)"))
                return ImportLine(line: UInt64(index), device: device)
            }
            return .stage(
                product, import: chosen.number, after: UInt64(chosen.rows.count), rows: rows)
        }
    }

    /// The refusal's name; when there must be none, does in the model what was done.
    mutating func apply(
        _ action: ImportAction,
        _ outcome: Outcome,
        _ model: inout Model,
        at time: Timestamp
    ) -> String? {
        switch action {
        case .begin(let product, _, _):
            if model.products[product.text]?.isDeleted == true { return "unknown-product" }
            // Those that are landing count, too: the books know when they are done.
            if case .refused(.importsUnderWay) = outcome { return "imports-under-way" }
            guard case .done(.importBegun(let number)) = outcome else { return "not begun" }
            imports.append(Import(product: product.text, number: number))
            return nil
        case .stage(let product, let number, _, let rows):
            if model.products[product.text]?.isDeleted == true { return "unknown-product" }
            let index = imports.firstIndex { $0.number == number }!
            if imports[index].isConflicting {
                conflicts += 1
                return "import-line"
            }
            if isRefused(rows, imports[index], model) { return "import-line" }
            imports[index].rows += rows.map(\.device)
            return nil
        case .commit(let product, let number, _, _):
            if model.products[product.text]?.isDeleted == true { return "unknown-product" }
            let index = imports.firstIndex { $0.number == number }!
            if imports[index].isConflicting {
                conflicts += 1
                return "import-line"
            }
            imports[index].isReceiving = false
            commits += 1
            return model.apply(
                Command(
                    at: time, actor: "test", action: .importDevices(product, imports[index].rows)))
        case .abandon(_, let number):
            imports[imports.firstIndex { $0.number == number }!].isReceiving = false
            return nil
        case .abandonOthers, .move: return nil
        }
    }

    private func isRefused(_ rows: [ImportLine], _ own: Import, _ model: Model) -> Bool {
        let others = imports.filter { $0.product == own.product && $0.isReceiving }
            .flatMap { $0.rows.map(\.device) }
        let keys = rows.map(\.device.device)
        return Set(keys).count < keys.count || keys.contains { others.contains($0) }
            || keys.contains {
                model.products[own.product]?.devices[$0.text]?.isRegistered == true
            }
    }

    /// Imports whose devices came into the books meanwhile.
    mutating func notice(_ model: Model) {
        for index in imports.indices where imports[index].isReceiving {
            let devices = model.products[imports[index].product]?.devices
            if imports[index].rows.contains(where: {
                devices?[$0.device.text]?.isRegistered == true
            }) {
                imports[index].isConflicting = true
            }
        }
    }
}
