import Processes
import Storage
import Testing
import Time

@testable import Ledger
@testable import LedgerModel

/// Random sequences of commands about packs and upgrades, against `PacksModel`.
@Suite(.computes) struct PacksPropertyTests {
    @Test(
        "C6, D1, D2: any sequence of commands leaves packs and upgrades as the model has them",
        arguments: [11, 12, 13, 14, 15, 16])
    func model(seed: UInt64) throws {
        let store = try PacksSource.store()
        var model = PacksModel()
        var source = PacksSource(seed: seed)
        var answers: Set<String> = []
        for step in 1...600 {
            let command = source.next()
            let place = "seed \(seed), step \(step): \(command)"
            let outcome = try store.apply(command)
            let expected = model.apply(command, id: Self.number(outcome))
            source.learn(outcome)
            try #require(Self.answer(outcome, to: command.action) == expected, "\(place)")
            answers.insert(String(expected.prefix { $0 != " " }))
            // The newest changes each time, all of them now and then.
            try compare(store, model, changes: step % 25 == 0 ? 9_999 : 20, place)
            if step % 25 == 0 { try #require(store.findings() == [], "\(place)") }
        }
        // The sequence went through what it is here for.
        let rows = Set(model.rows.map { $0.2.prefix { $0 != " " } })
        let kinds = ["purchase", "gift", "deduction", "return", "expiry", "void"]
        #expect(rows.map { String($0) }.sorted() == kinds.sorted(), "seed \(seed)")
        let words = ["leased", "settled", "ended", "upgrade", "reported", "ota-exhausted"]
        #expect(answers.isSuperset(of: words), "seed \(seed)")
    }

    /// The number that the books gave to the pack or lease that was made; 0 for none.
    private static func number(_ outcome: Outcome) -> UInt64 {
        switch outcome {
        case .done(.changed(.topUps(let change))): change.pack.id
        case .done(.leased(let lease)): lease.id
        default: 0
        }
    }

    /// The outcome in the model's words.
    private static func answer(_ outcome: Outcome, to action: Action) -> String {
        switch (action, outcome) {
        case (_, .refused(let refusal)): refusal.name
        case (.topUps(.enter), _): "entered"
        case (.topUps(.settle), _): "settled"
        case (.corrections, _): "voided"
        case (_, .done(.leased(let lease))): "leased \(lease.units) of \(lease.pack)"
        case (_, .done(.ended(let count, _))): "ended \(count)"
        case (.upgrades(.report), _): "reported"
        case (_, .done(.upgrade(let upgrade))): words("upgrade", upgrade.record)
        case (_, .repeated(.upgrade(let upgrade))): words("repeated", upgrade.record)
        default: "done"
        }
    }

    private static func words(_ verb: String, _ record: UpgradeRecord) -> String {
        "\(verb) \(record.fromAllowance) \(record.fromPacks)"
    }

    private func compare(
        _ store: TestStore, _ model: PacksModel, changes limit: Int, _ place: String
    )
        throws
    {
        for account in [TestStore.acme, PacksSource.beta] {
            for kind in TopUpKind.allCases {
                let (packs, rows) = try store.read { books, transaction throws(StoreError) in
                    (
                        try books.topUps(of: account, kind: kind, limit: 999, in: transaction),
                        try books.topUpChanges(
                            of: account, kind: kind, limit: limit, in: transaction)
                    )
                }
                let expected = model.packs.filter { $0.account == account && $0.kind == kind }
                    .sorted { ($0.expiresAt, $0.id) < ($1.expiresAt, $1.id) }
                try #require(
                    packs.elements.map { "\($0.place.id) \($0.record.counters)" }
                        == expected.map { "\($0.id) \($0.counters)" },
                    "\(place)"
                )
                let changes = model.rows.filter { $0.0 == account && $0.1 == kind }.map(\.2)
                try #require(
                    rows.elements.map { "\($0.kind.name) \($0.units) #\($0.change.pack.id)" }
                        == Array(changes.reversed().prefix(limit)),
                    "\(place)"
                )
            }
        }
        for (identity, upgrades) in model.upgrades {
            let found = try store.read { books, transaction throws(StoreError) in
                try books.upgrades(of: identity, limit: 999, in: transaction)
            }.elements
            let states = Dictionary(uniqueKeysWithValues: found.map { ($0.id, $0.record.state) })
            try #require(states == upgrades.mapValues(\.state), "\(place)")
        }
    }
}

extension PacksModel.Pack {
    fileprivate var counters: TopUpCounters {
        var counters = TopUpCounters(quantity: UInt64(units.count))
        counters.remaining = remaining
        counters.expired = count { $0 == .expired }
        counters.voided = count { $0 == .void }
        counters.used = count {
            if case .upgraded = $0 { true } else { $0 == .used }
        }
        counters.leased =
            counters.quantity - remaining - counters.expired - counters.used - counters.voided
        return counters
    }
}
