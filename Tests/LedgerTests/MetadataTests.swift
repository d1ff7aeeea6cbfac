import Encoding
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

    private func devices(
        _ store: TestStore, _ match: String, state: DeviceState? = nil, limit: Int = 2
    ) throws -> [String] {
        let transaction = try ReadTransaction(in: store.environment)
        let match = try #require(MetadataMatch(match))
        var found: [String] = []
        var cursor: String?
        repeat {
            let page = try store.books.devices(
                of: TestStore.product, state: state, with: match, at: store.now, cursor: cursor,
                limit: limit, in: transaction)
            #expect(page.elements.count <= limit)
            found += page.elements.map(\.device.text)
            cursor = page.cursor
        } while cursor != nil
        return found
    }

    @Test("of many devices no others are read than those with the metadata, nor for a campaign")
    func readsNoOthers() throws {
        let store = try TestStore()
        try store.buy(40)
        for number in 10..<50 { _ = try store.connect("d\(number)") }
        let hall = edit("room", "hall")
        for device in ["d10", "d49"] {
            _ = try store.apply(.metadata(.merge(.device(TestStore.device(device)), [hall])))
        }
        // Three records of each that is found: a page has room for these two.
        let books = try Books(in: store.environment, readsPerPage: 6)
        let page = try store.environment.read { transaction throws(StoreError) in
            try books.devices(
                of: TestStore.product, with: MetadataMatch("room=hall"), at: store.now, limit: 10,
                in: transaction)
        }
        #expect(page.elements.map(\.device.text) == ["d10", "d49"] && page.cursor == nil)
        _ = try store.apply(.firmware(.add(Samples.image(Tour.image))))
        let filter = CampaignFilter.metadata(hall.key, hall.value!)
        _ = try store.apply(
            .campaigns(.create(Samples.campaign("spring", of: TestStore.product, filter))))
        store.now = store.now.adding(milliseconds: 60_000)
        _ = try store.apply(
            .campaigns(.advance(TestStore.product, CampaignID("spring")!, looks: 2)))
        let campaign = try store.read { books, transaction throws(StoreError) in
            try books.campaign(CampaignID("spring")!, of: TestStore.product, in: transaction)
        }
        #expect(campaign?.progress.started == 2)
        #expect(try store.findings() == [])
    }

    @Test("devices are found by their metadata as it is now, page by page")
    func devicesByMetadata() throws {
        let store = try TestStore()
        try store.buy(9)
        for number in 1...7 { _ = try store.connect("d\(number)") }
        func note(_ device: String, _ edits: MetadataEdit...) throws {
            _ = try store.apply(.metadata(.merge(.device(TestStore.device(device)), edits)))
        }
        for device in ["d6", "d2", "d4", "d1"] { try note(device, edit("room", "hall")) }
        try note("d3", edit("room", "Küche"), edit("floor", "hall"))
        #expect(try devices(store, "room=hall") == ["d1", "d2", "d4", "d6"])
        #expect(try devices(store, "room=Küche") == ["d3"])
        #expect(try devices(store, "floor=hall") == ["d3"])
        #expect(try devices(store, "room=Hall") == [] && devices(store, "floor=Küche") == [])
        // Another value, none, and the same again.
        try note("d2", edit("room", "Küche"))
        try note("d4", edit("room", nil), edit("floor", "1"))
        try note("d6", edit("room", "hall"))
        #expect(try devices(store, "room=hall") == ["d1", "d6"])
        #expect(try devices(store, "room=Küche") == ["d2", "d3"])
        #expect(try devices(store, "floor=1") == ["d4"])
        _ = try store.apply(.devices(.setDisabled(TestStore.device("d6"), true)))
        #expect(try devices(store, "room=hall", state: .disabled) == ["d6"])
        #expect(try devices(store, "room=hall", state: .active) == ["d1"])
        // A device that is gone, and one that has come again under its key.
        _ = try store.apply(.devices(.delete(TestStore.device("d1"))))
        #expect(try devices(store, "room=hall") == ["d6"])
        _ = try store.connect("d1")
        #expect(try devices(store, "room=hall") == ["d6"])
        #expect(try store.findings() == [])
    }

    @Test(
        "products are found by their metadata: an account's, some, or all, and none that is deleted"
    )
    func productsByMetadata() throws {
        let store = try furnished()
        let other = ProductKey("P2")!
        _ = try store.apply(.products(.create(TestStore.newProduct("P2"))))
        for product in [TestStore.product, other] {
            _ = try store.apply(.metadata(.merge(.product(product), [edit("use", "light")])))
        }
        func products(
            _ match: String, of accounts: [AccountID]? = nil, among keys: [ProductKey]? = nil
        ) throws -> [ProductKey] {
            let transaction = try ReadTransaction(in: store.environment)
            return try store.books.products(
                of: accounts, among: keys, with: MetadataMatch(match), limit: 10, in: transaction
            ).elements.map(\.key)
        }
        #expect(try products("use=light") == [TestStore.product, other].sorted())
        #expect(
            try products("use=light", of: [TestStore.acme]) == [TestStore.product, other].sorted())
        #expect(try products("use=light", of: [AccountID("other")!]) == [])
        #expect(try products("use=light", among: [other]) == [other])
        #expect(try products("use=heat") == [])
        _ = try store.apply(.metadata(.merge(.product(other), [edit("use", "heat")])))
        #expect(try products("use=light") == [TestStore.product])
        #expect(try products("use=heat") == [other])
        _ = try store.apply(.products(.delete(other)))
        #expect(try products("use=heat") == [])
        #expect(try store.findings() == [])
    }

    @Test("the metadata of older books is listed when they are brought to the format")
    func older() throws {
        let store = try furnished()
        for owner in Self.owners {
            _ = try store.apply(.metadata(.merge(owner, [edit("room", "hall")])))
        }
        _ = try store.environment.write { transaction throws(StoreError) in
            try store.books.notedDevices.delete(
                KeyTriple(
                    TestStore.product, MetadataMatch("room=hall")!.place, DeviceKey("d1")!),
                in: transaction)
            try store.books.notedProducts.delete(
                KeyTriple(
                    MetadataMatch("room=hall")!.place, TestStore.acme, TestStore.product),
                in: transaction)
        }
        #expect(
            try store.findings() == [
                "product PK1 is not listed under its metadata room",
                "device PK1.d1 is not listed under its metadata room",
            ])
        try StoreFormat(migrations: Array(Books.format.migrations.prefix(13)))
            .migrate(store.environment)
        let older = try store.read { books, transaction throws(StoreError) in
            books.verify(format: 14, in: transaction)
        }
        #expect(older == [])
        try Books.format.migrate(store.environment)
        #expect(try devices(store, "room=hall") == ["d1"])
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
