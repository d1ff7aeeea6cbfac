import Processes
import Storage
import Testing
import Time

@testable import Ledger
@testable import LedgerModel

/// Random sequences of commands about accounts and their codes, against `TenantModel`.
@Suite(.computes) struct TenantPropertyTests {
    @Test(
        "A1 to A4, A7, A8, B13, E1: any sequence of commands leaves accounts, contacts and codes as the model has them",
        arguments: [21, 22, 23, 24, Seed.fresh])
    func model(seed: UInt64) throws {
        let store = try TenantSource.store()
        var model = TenantModel()
        var source = TenantSource(seed: seed)
        for step in 1...500 {
            let command = source.next()
            let outcome = try store.apply(command)
            source.learn(outcome)
            var refusal: String?
            if case .refused(let reason) = outcome { refusal = reason.name }
            let place = "seed \(seed), step \(step): \(command)"
            try #require(refusal == model.apply(command), "\(place)")
            try compare(store, model, place)
            try ask(store, model, at: command.at, place)
            if step % 20 == 0 { try #require(store.findings() == [], "\(place)") }
        }
        guard seed != Seed.fresh else { return }
        // The sequence went through what it is here for.
        let words = [
            "accounts.create", "accounts.update", "accounts.certify", "accounts.putContact",
            "accounts.removeContact", "products.create", "codes.purchase", "codes.assign",
            "repeated",
            "idempotency-key-reused", "elsewhere",
            "certified-with-parent", "enterprise-already", "package-mismatch",
            "product-of-another-account", "5 free",
        ]
        #expect(Set(words).subtracting(model.seen) == [], "seed \(seed)")
    }

    /// Rule A6: as many codes as are told can be assigned, and no more.
    private func ask(
        _ store: TestStore, _ model: TenantModel, at time: Timestamp, _ place: String
    ) throws {
        for (key, product) in model.products where !product.isDeleted {
            let told = try store.read { books, transaction throws(StoreError) in
                try books.assignable(to: key, in: transaction)
            }
            for package in model.packages {
                let part = told.first { $0.package == package }
                let codes = model.joining(product, package)
                try #require(part?.quantity ?? 0 == UInt64(codes.count), "\(place), \(key)")
                let free = UInt64(codes.count { model.isFree($0) })
                try #require(part?.free ?? 0 == free, "\(place), \(key)")
            }
            let all = told.forOneProduct(first: product.package).reduce(0) { $0 + $1.quantity }
            try #require(all <= told.mostTogether, "\(place), \(key)")
            if all == 0 { continue }
            for (quantity, isDone) in [(all, true), (all + 1, false)] {
                let transaction = try WriteTransaction(in: store.environment)
                let action = Action.codes(.assign(key, package: nil, quantity: quantity))
                let command = Command(at: time, actor: "test", action: action)
                let outcome = try store.books.apply(command, in: transaction)
                try #require((outcome.effect != nil) == isDone, "\(place), \(key)")
            }
        }
    }

    private func compare(_ store: TestStore, _ model: TenantModel, _ place: String) throws {
        for id in TenantSource.accounts { try compare(store, model, id, place) }
        for key in TenantSource.products { try compare(store, model, key, place) }
        let all = try store.read { books, transaction throws(StoreError) in
            try books.accounts(limit: 100, in: transaction)
        }.elements.map(\.id)
        try #require(all == model.accounts.keys.sorted(), "\(place)")
        for centre in [nil] + TenantSource.centres {
            let found = try store.read { books, transaction throws(StoreError) in
                try books.products(of: nil, at: centre, limit: 100, in: transaction)
            }.elements.map(\.key)
            let expected = model.products.filter { _, product in
                !product.isDeleted && (centre == nil || centre == product.home)
            }.keys.sorted()
            try #require(found == expected, "\(place)")
        }
    }

    private func compare(
        _ store: TestStore,
        _ model: TenantModel,
        _ id: AccountID,
        _ place: String
    ) throws {
        let owner = model.owner(id) ?? id
        let (found, lists) = try store.read { books, transaction throws(StoreError) in
            (
                try books.account(id, in: transaction),
                [
                    try books.contacts(of: id, limit: 100, in: transaction).elements.map {
                        "\($0.email) \($0.record.name)"
                    },
                    try books.subAccounts(of: id, in: transaction).map(\.text),
                    try books.holdings(of: id, in: transaction).map {
                        "\($0.package) \($0.record.bought) \($0.record.granted) \($0.record.assigned)"
                    },
                    try books.purchases(of: id, limit: 1_000, in: transaction).elements.map {
                        "\($0.first.serial)+\($0.record.quantity) \($0.record.source)"
                    },
                    try books.assignments(of: id, limit: 1_000, in: transaction).elements.map {
                        "\($0.record.product) \($0.record.package) \($0.record.quantity)"
                    },
                ]
            )
        }
        let expected = model.accounts[id]
        let record = found.map {
            TenantModel.Account(
                name: $0.name, kind: $0.kind, parent: $0.parent, email: $0.email,
                home: $0.dataCentre, certifiedAt: $0.certifiedAt,
                contacts: expected?.contacts ?? [:], freeProducts: Int($0.freeProducts),
                unassigned: expected?.unassigned ?? [:])
        }
        try #require(record == expected, "\(place), \(id)")
        let own: [[String]] = [
            (model.accounts[owner]?.contacts ?? [:]).sorted { $0.key < $1.key }
                .map { "\($0.key) \($0.value)" },
            model.accounts.filter { $0.value.parent == id }.keys.sorted().map(\.text),
            model.holdings(of: id),
            model.batches.filter { $0.account == id }
                .map { "\($0.first)+\($0.quantity) \($0.source)" },
            model.assignments.reversed().filter { model.products[$0.product]?.account == id }
                .map { "\($0.product) \($0.package) \($0.quantity)" },
        ]
        try #require(lists == own, "\(place), \(id)")
        for centre in [nil] + TenantSource.centres {
            let figures = try store.read { books, transaction throws(StoreError) in
                try books.figures(of: id, at: centre, in: transaction)
            }
            try #require(figures == model.figures(of: id, at: centre), "\(place), \(id)")
        }
    }

    private func compare(
        _ store: TestStore,
        _ model: TenantModel,
        _ key: ProductKey,
        _ place: String
    ) throws {
        let found = try store.read { books, transaction throws(StoreError) in
            (
                try books.figures(of: key, in: transaction),
                try books.product(key, in: transaction)
            )
        }
        let product = model.products[key]
        let expected = product.map {
            ProductFigures(
                assigned: UInt64($0.pool.count + $0.consumed),
                remaining: UInt64($0.pool.count),
                consumed: UInt64($0.consumed),
                devicesKnown: UInt64($0.devices.count),
                devicesActive: UInt64($0.devices.count)
            )
        }
        try #require(found.0 == expected, "\(place), \(key)")
        try #require(found.1?.package == product?.package, "\(place), \(key)")
        try #require(found.1?.freeAllowance == product?.freeAllowance, "\(place), \(key)")
        try #require(found.1?.account == product?.account, "\(place), \(key)")
        try #require(found.1?.dataCentre == product?.home, "\(place), \(key)")
        for device in TenantSource.devices {
            let identity = DeviceIdentity(product: key, device: device)
            let periods = try store.read { books, transaction throws(StoreError) in
                try books.activations(of: identity, limit: 1_000, in: transaction)
            }.elements.map {
                TenantModel.Period(entitlement: $0.entitlement, place: $0.dataCentre)
            }
            try #require(periods == product?.devices[device] ?? [], "\(place), \(identity)")
            guard let product, let record = found.1, let code = periods.last?.entitlement.code
            else { continue }
            let allowance = try store.read { books, transaction throws(StoreError) in
                try books.allowance(
                    of: books.device(identity, in: transaction), record, in: transaction)
            }
            let expected = model.allowance(of: code.serial, in: product)
            try #require(allowance == expected, "\(place), \(identity)")
        }
    }
}
