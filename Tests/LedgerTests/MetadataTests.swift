import Storage
import Testing
import Time

@testable import Ledger
@testable import LedgerModel

/// What users note about accounts, products and devices, and what devices are called.
@Suite struct MetadataTests {
    private static let owners: [MetadataOwner] = [
        .account(TestStore.acme), .product(TestStore.product), .device(TestStore.device("d1")),
    ]

    private func edit(_ key: String, _ value: String?) -> MetadataEdit {
        MetadataEdit(key: MetadataKey(key)!, value: value.map { MetadataValue($0)! })
    }

    private func values(_ store: TestStore, _ owner: MetadataOwner) throws -> [String: String] {
        let transaction = try ReadTransaction(in: store.environment)
        let metadata = try store.books.metadata(of: owner, in: transaction)
        return Dictionary(
            uniqueKeysWithValues: metadata.entries.map { ($0.key.text, $0.value.text) })
    }

    private func furnished() throws -> TestStore {
        let store = try TestStore()
        try store.buy(3)
        _ = try store.connect("d1")
        return store
    }

    @Test("a merge sets, replaces and removes keys, and leaves the others", arguments: owners)
    func merges(_ owner: MetadataOwner) throws {
        let store = try furnished()
        func merge(_ edits: MetadataEdit...) throws -> Outcome {
            try store.apply(.metadata(.merge(owner, edits)))
        }
        #expect(
            try merge(edit("room", "hall"), edit("floor", "2"))
                == .done(
                    .changed(
                        .metadata(.merged(owner, [edit("floor", "2"), edit("room", "hall")])))))
        #expect(
            try merge(edit("floor", "2"), edit("room", nil), edit("none", nil), edit("a", "厨房"))
                == .done(
                    .changed(.metadata(.merged(owner, [edit("a", "厨房"), edit("room", nil)])))))
        #expect(try values(store, owner) == ["floor": "2", "a": "厨房"])
        // The last one of a key counts.
        #expect(try merge(edit("floor", "9"), edit("floor", "2")) == .done(.unchanged))
        #expect(try merge() == .done(.unchanged))
        _ = try merge(edit("floor", nil), edit("a", nil))
        #expect(try values(store, owner) == [:])
        #expect(try store.findings() == [])
    }

    @Test("no owner has metadata under more than sixteen keys")
    func limit() throws {
        let store = try furnished()
        for owner in Self.owners {
            let most = (1...16).map { edit("k\($0)", "v") }
            #expect(try store.refusal(.metadata(.merge(owner, most))) == nil)
            #expect(
                try store.refusal(.metadata(.merge(owner, [edit("more", "v")])))
                    == "too-much-metadata")
            // One out, one in.
            #expect(
                try store.refusal(
                    .metadata(.merge(owner, [edit("more", "v"), edit("k1", nil)]))) == nil)
            #expect(try values(store, owner).count == 16)
        }
        #expect(try store.findings() == [])
    }

    @Test("what is not there has none")
    func absent() throws {
        let store = try furnished()
        let cases: [(MetadataOwner, String)] = [
            (.account(AccountID("none")!), "unknown-account"),
            (.product(ProductKey("none")!), "unknown-product"),
            (.device(TestStore.device("none")), "unknown-device"),
            (.device(TestStore.device("d1", of: "none")), "unknown-product"),
        ]
        for (owner, refusal) in cases {
            #expect(try store.refusal(.metadata(.merge(owner, [edit("a", "b")]))) == refusal)
        }
    }

    @Test("a device's metadata goes with it, and a product's")
    func deletion() throws {
        let store = try furnished()
        for owner in Self.owners {
            _ = try store.apply(.metadata(.merge(owner, [edit("a", "b")])))
        }
        _ = try store.apply(.devices(.delete(TestStore.device("d1"))))
        #expect(try values(store, Self.owners[2]) == [:])
        #expect(try store.findings() == [])
        // It comes back without.
        _ = try store.connect("d1")
        #expect(try values(store, Self.owners[2]) == [:])
        _ = try store.apply(.products(.delete(TestStore.product)))
        #expect(try values(store, Self.owners[1]) == [:])
        #expect(try values(store, Self.owners[0]) == ["a": "b"])
        #expect(try store.findings() == [])
    }

    @Test("a device is called what it was renamed to, and nothing again")
    func rename() throws {
        let store = try furnished()
        let device = TestStore.device("d1")
        #expect(
            try store.apply(.devices(.rename(device, "Hall")))
                == .done(.changed(.devices(.renamed(device, "Hall")))))
        #expect(try store.record("d1")?.name == "Hall")
        #expect(try store.apply(.devices(.rename(device, "Hall"))) == .done(.unchanged))
        _ = try store.apply(.devices(.rename(device, "")))
        #expect(try store.record("d1")?.name == "")
        let long = String(repeating: "x", count: Books.nameMaximumLength + 1)
        #expect(try store.refusal(.devices(.rename(device, long))) == "name-too-long")
        #expect(
            try store.refusal(.devices(.rename(TestStore.device("none"), "x"))) == "unknown-device")
        _ = try store.apply(.devices(.delete(device)))
        #expect(try store.refusal(.devices(.rename(device, "x"))) == "unknown-device")
        #expect(try store.findings() == [])
    }

    @Test("keys and values have a form")
    func forms() {
        for key in ["", "a b", "ä", String(repeating: "k", count: 41)] {
            #expect(MetadataKey(key) == nil, "\(key)")
        }
        #expect(MetadataKey(String(repeating: "k", count: 40)) != nil)
        for value in ["a\n", "\u{7F}", String(repeating: "v", count: 201)] {
            #expect(MetadataValue(value) == nil)
        }
        for value in ["", String(repeating: "客", count: 200)] {
            #expect(MetadataValue(value) != nil)
        }
    }
}
