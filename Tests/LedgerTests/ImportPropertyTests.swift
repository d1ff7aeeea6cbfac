import Processes
import Storage
import Testing
import Time

@testable import Ledger
@testable import LedgerModel

/// Imports in chunks among all other commands, held against the model, which imports in one step.
@Suite(.computes) struct ImportPropertyTests {
    @Test(
        "A10: with imports at any step between them, commands leave the books as the model has them",
        arguments: [1, 2, 5, 8, Seed.fresh])
    func model(seed: UInt64) throws {
        let store = try ImportSource.store()
        var model = ImportModel()
        var source = ImportSource(seed: seed)
        var staged: Set<String> = []
        for step in 1...600 {
            let command = source.next()
            let isStaged = try model.isStaged(command.action, store)
            let outcome = try store.apply(command)
            source.learn(outcome)
            if isStaged, outcome.effect != nil { staged.insert(command.action.kind) }
            var refusal: String?
            if case .refused(let reason) = outcome { refusal = reason.name }
            let place = "seed \(seed), step \(step): \(command)"
            try #require(refusal == model.apply(command, outcome), "\(place)")
            try Self.compare(store, model.books, at: command.at, place)
            if step % 10 == 0 { try #require(store.findings() == [], "\(place)") }
        }
        try store.moveAll()
        try Self.compare(store, model.books, at: store.now, "seed \(seed), at the end")
        try #require(store.findings() == [])
        guard seed != Seed.fresh else { return }
        // The sequence went through what it is here for.
        #expect(model.commits > 0 && model.conflicts > 0 && model.abandoned > 0, "seed \(seed)")
        #expect(model.deletions > 0, "seed \(seed)")
        #expect(staged.contains("devices.activate"), "seed \(seed): \(staged)")
    }

    private static func compare(
        _ store: TestStore,
        _ model: Model,
        at time: Timestamp,
        _ place: String
    ) throws {
        try store.compare(with: model, at: time, place)
        for (key, product) in model.products {
            let known = product.devices.filter(\.value.isRegistered).keys.sorted()
            try #require(store.list(of: key, limit: 2) == known, "\(place)")
        }
    }
}

/// What must become of each step of an import, when everything else is as the model has it.
private struct ImportModel {
    private struct Import {
        let product: String
        var rows: [DeviceImport] = []
        var isReceiving = true
        var isConflicting = false
    }

    private(set) var books = Model()
    private(set) var commits = 0

    /// Imports that lost a row to another way into the books, and those that were given up.
    private(set) var conflicts = 0
    private(set) var abandoned = 0

    /// Of products with an import that was receiving.
    private(set) var deletions = 0
    private var imports: [UInt64: Import] = [:]

    /// The refusal's name; when there must be none, does what was done.
    mutating func apply(_ command: Command, _ outcome: Outcome) -> String? {
        var refusal: String?
        if case .products(.delete(let key)) = command.action, outcome.effect != nil,
            imports.values.contains(where: { $0.product == key.text && $0.isReceiving })
        {
            deletions += 1
        }
        if case .imports(let action) = command.action {
            refusal = carryOut(action, outcome, at: command.at)
        } else {
            refusal = books.apply(command)
        }
        // Imports whose devices came into the books meanwhile.
        for (number, known) in imports where known.isReceiving && !known.isConflicting {
            if known.rows.contains(where: { isRegistered($0.device, of: known.product) }) {
                imports[number]?.isConflicting = true
                conflicts += 1
            }
        }
        return refusal
    }

    /// Whether a device connects, or is renewed, that a committed import brings and that has not
    /// landed yet.
    func isStaged(_ action: Action, _ store: TestStore) throws -> Bool {
        let device: DeviceIdentity
        switch action {
        case .devices(.activate(let identity, _, _)), .devices(.renew(let identity, _)):
            device = identity
        default: return false
        }
        let committed = imports.filter { $0.value.product == device.product.text }
            .filter { !$0.value.isReceiving }.keys
        return try store.read { books, transaction throws(StoreError) in
            for number in committed {
                let record = try books.importView(number, of: device.product, in: transaction)
                guard record?.record.state == .landing else { continue }
                let place = KeyPair(number, device.device)
                if try books.stagedDevices.contains(place, in: transaction) { return true }
            }
            return false
        }
    }

    private func isRegistered(_ device: DeviceKey, of product: String) -> Bool {
        books.products[product]?.devices[device.text]?.isRegistered == true
    }

    private mutating func carryOut(
        _ action: ImportAction,
        _ outcome: Outcome,
        at time: Timestamp
    ) -> String? {
        switch action {
        case .atOnce:
            return books.apply(Command(at: time, actor: "test", action: .imports(action)))
        case .begin(let product, _, _):
            if books.products[product.text]?.isDeleted == true { return "unknown-product" }
            // Those that are landing count, too: the books know when they are done.
            if case .refused(.imports(.tooManyUnderWay)) = outcome { return "imports-under-way" }
            guard case .done(.importBegun(let number)) = outcome else { return "not begun" }
            imports[number] = Import(product: product.text)
        case .stage(let product, let number, _, let rows):
            if books.products[product.text]?.isDeleted == true { return "unknown-product" }
            if isRefused(rows.map(\.device.device), number) { return "import-line" }
            imports[number]?.rows += rows.map(\.device)
        case .commit(let product, let number, _, _):
            if books.products[product.text]?.isDeleted == true { return "unknown-product" }
            guard let known = imports[number] else { return "unknown-import" }
            if known.isConflicting { return "import-line" }
            imports[number]?.isReceiving = false
            commits += 1
            return books.apply(
                Command(at: time, actor: "test", action: .imports(.atOnce(product, known.rows))))
        case .abandon(_, let number):
            imports[number]?.isReceiving = false
            abandoned += 1
        case .abandonOthers, .move: break
        }
        return nil
    }

    private func isRefused(_ keys: [DeviceKey], _ number: UInt64) -> Bool {
        guard let own = imports[number] else { return true }
        let others = imports.values.filter { $0.product == own.product && $0.isReceiving }
            .flatMap { $0.rows.map(\.device) }
        return own.isConflicting || Set(keys).count < keys.count
            || keys.contains { others.contains($0) || isRegistered($0, of: own.product) }
    }
}
