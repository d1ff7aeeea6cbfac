import Storage
import Testing
import Time

@testable import Ledger
@testable import LedgerModel

/// Imports in chunks: what the books say at every step of one.
@Suite struct ImportTests {
    private static let closed = Action.products(
        .update(TestStore.product, ProductUpdate(registration: .imported))
    )

    @Test(
        "Import in chunks: nobody sees a row before the commit; all are there from it on, landed or not"
    )
    func visibility() throws {
        let store = try TestStore()
        try store.buy(9)
        _ = try store.apply(Self.closed)
        let number = try store.begin()
        #expect(try store.stage(["d1", "d2"], number) == .done(.staged(rows: 2)))
        #expect(try store.stage(["d3"], number, after: 2) == .done(.staged(rows: 3)))
        #expect(try store.record("d1") == nil && store.list().isEmpty)
        #expect(try store.seenByShard("d1") == nil)
        #expect(try store.figures().devicesKnown == 0)
        #expect(try store.connect("d1") == .refused("unknown-device"))
        #expect(try store.importRecord(number)?.state == .receiving)
        #expect(try store.findings() == [])
        let before = try store.lastSequence()
        _ = try store.commit(number, rows: 3)
        #expect(try store.lastSequence() == before + 1)
        for landed in [false, true] {
            if landed { #expect(try store.moveAll() == 3) }
            #expect(try store.record("d2")?.name == "n-d2")
            #expect(try store.record("d2")?.registeredAt == store.now)
            #expect(try store.seenByShard("d2")?.secret == "secret-d2")
            #expect(try store.list() == ["d1", "d2", "d3"])
            #expect(try store.figures().devicesKnown == 3)
            #expect(try store.importRecord(number)?.state == (landed ? .done : .landing))
            #expect(try store.findings() == [])
        }
        #expect(try store.lastSequence() == before + 1)
        guard case .admitted(_, consumed: true) = try store.connect("d1") else {
            Issue.record("not admitted")
            return
        }
    }

    @Test(
        "B1, B2: a device of a committed import connects before it has landed, and consumes one code"
    )
    func connectBeforeLanding() throws {
        let store = try TestStore()
        try store.buy(9)
        _ = try store.apply(Self.closed)
        let number = try store.importInChunks((0..<7).map { "d\($0)" })
        for key in ["d6", "d0", "d3"] {
            let until = store.now.adding(days: 10)
            #expect(try store.connect(key) == .admitted(until: until, consumed: true))
            #expect(try store.connect(key) == .admitted(until: until, consumed: false))
            #expect(try store.findings() == [])
        }
        #expect(try store.importRecord(number)?.moved == 3)
        #expect(try store.moveAll() == 4)
        #expect(try store.figures().devicesKnown == 7 && store.figures().devicesActive == 3)
        #expect(try store.record("d3")?.codesConsumed == 1)
        #expect(try store.record("d3")?.secret == SealedSecret("secret-d3"))
        #expect(try store.importRecord(number)?.state == .done)
        #expect(try store.findings() == [])
    }

    @Test("Import in chunks: whatever is done to a device before it has landed is done to it")
    func changesBeforeLanding() throws {
        let store = try TestStore()
        try store.buy(9)
        try store.importInChunks(["a", "b", "c", "d", "e", "f"])
        #expect(try store.refusal(.devices(.setDisabled(TestStore.device("a"), true))) == nil)
        #expect(try store.refusal(.devices(.delete(TestStore.device("b")))) == nil)
        #expect(
            try store.refusal(
                .devices(.resetSecret(TestStore.device("c"), secret: SealedSecret("new")!)))
                == nil)
        #expect(try store.refusal(.devices(.activateByHand(TestStore.device("d")))) == nil)
        #expect(try store.refusal(.devices(.setRenewal(TestStore.device("e"), false))) == nil)
        #expect(
            try store.apply(.devices(.register(TestStore.device("f"), secret: SealedSecret("x")!)))
                == .done(.registered(SealedSecret("secret-f")!)))
        for _ in 0..<2 {
            #expect(try store.list() == ["a", "c", "d", "e", "f"])
            #expect(try store.record("a")?.isDisabled == true)
            #expect(try store.record("b") == nil)
            #expect(try store.record("c")?.secret == SealedSecret("new"))
            #expect(try store.record("d")?.codesConsumed == 1)
            #expect(try store.record("e")?.isExceptedFromRenewal == true)
            #expect(try store.figures().devicesKnown == 5 && store.figures().devicesActive == 1)
            #expect(try store.findings() == [])
            try store.moveAll()
        }
    }

    @Test(
        "Import in chunks: all rows or none; a bad one is named with its line, and nothing of it stays"
    )
    func allOrNothing() throws {
        let store = try TestStore()
        _ = try store.apply(
            .imports(.atOnce(TestStore.product, [.init(device: DeviceKey("d5")!, secret: nil)])))
        let number = try store.begin()
        _ = try store.stage(["d1", "d2"], number)
        #expect(
            try store.stage(["d3", "d4", "d5"], number, after: 2)
                == .refused(.imports(.line(line: 6, device: DeviceKey("d5")!, fault: .exists))))
        #expect(try store.importRecord(number)?.rows == 2)
        #expect(
            try store.stage(["d3", "d1"], number, after: 2)
                == .refused(.imports(.line(line: 5, device: DeviceKey("d1")!, fault: .repeatedRow)))
        )
        #expect(
            try store.stage(["d3", "d3"], number, after: 2)
                == .refused(.imports(.line(line: 5, device: DeviceKey("d3")!, fault: .repeatedRow)))
        )
        #expect(
            try store.stage(["d3"], number, after: 1)
                == .refused(.imports(.outOfStep(number, staged: 2))))
        #expect(
            try store.commit(number, rows: 3) == .refused(.imports(.outOfStep(number, staged: 2))))
        #expect(try store.refusal(.imports(.abandon(TestStore.product, import: number))) == nil)
        #expect(
            try store.apply(.imports(.abandon(TestStore.product, import: number)))
                == .done(.unchanged))
        #expect(
            try store.stage(["d3"], number, after: 2) == .refused(.imports(.notReceiving(number))))
        #expect(try store.commit(number, rows: 2) == .refused(.imports(.notReceiving(number))))
        #expect(try store.figures().devicesKnown == 1 && store.list() == ["d5"])
        #expect(try store.findings() == [])
        // The corrected file comes while what is left of the first is still there.
        let second = try store.importInChunks(["d1", "d2", "d3"])
        #expect(try store.figures().devicesKnown == 4)
        #expect(try store.moveAll(limit: 1) == 5)
        #expect(try store.importRecord(number)?.state == .abandoned)
        #expect(try store.importRecord(second)?.state == .done)
        #expect(try store.list() == ["d1", "d2", "d3", "d5"])
        #expect(try store.findings() == [])
    }

    @Test(
        "Import in chunks: two at once; the first that names a device has it until it is abandoned")
    func twoAtOnce() throws {
        let store = try TestStore()
        let (first, second) = (try store.begin(), try store.begin())
        _ = try store.stage(["a", "b"], first)
        #expect(try store.stage(["c", "d"], second) == .done(.staged(rows: 2)))
        #expect(
            try store.stage(["e", "b"], second, after: 2)
                == .refused(.imports(.line(line: 5, device: DeviceKey("b")!, fault: .arriving))))
        // Another product has devices of its own.
        _ = try store.apply(.products(.create(TestStore.newProduct("PK2"))))
        try store.importInChunks(["a", "b"], of: "PK2")
        _ = try store.commit(first, rows: 2)
        #expect(
            try store.stage(["b"], second, after: 2)
                == .refused(.imports(.line(line: 4, device: DeviceKey("b")!, fault: .exists))))
        _ = try store.commit(second, rows: 2)
        #expect(try store.list(limit: 1) == ["a", "b", "c", "d"])
        #expect(try store.findings() == [])
        #expect(try store.moveAll(limit: 1) == 6)
        #expect(try store.list(limit: 1) == ["a", "b", "c", "d"])
        #expect(try store.list(of: "PK2") == ["a", "b"])
        #expect(try store.findings() == [])
    }

    @Test(
        "Import in chunks: a device that came into the books meanwhile stops the commit, with its line"
    )
    func conflicts() throws {
        let store = try TestStore()
        try store.buy(9)
        _ = try store.connect("returns")
        _ = try store.apply(.devices(.delete(TestStore.device("returns"))))
        let small = Action.imports(
            .atOnce(TestStore.product, [DeviceImport(device: DeviceKey("small")!, secret: nil)])
        )
        let ways: [(String, Action)] = [
            (
                "registers",
                .devices(.register(TestStore.device("registers"), secret: SealedSecret("s")!))
            ),
            ("connects", .devices(.activate(TestStore.device("connects"), confirmsSecret: nil))),
            (
                "returns",
                .devices(
                    .activate(
                        TestStore.device("returns"), confirmsSecret: SealedSecret("s")!.fingerprint)
                )
            ),
            ("small", small),
        ]
        for (key, action) in ways {
            let number = try store.begin()
            #expect(try store.stage(["new", key], number) == .done(.staged(rows: 2)))
            #expect(try store.refusal(action) == nil)
            let refusal = Refusal.imports(.line(line: 3, device: DeviceKey(key)!, fault: .exists))
            #expect(try store.findings() == [])
            // Also when it has gone again.
            _ = try store.apply(.devices(.delete(TestStore.device(key))))
            #expect(try store.stage(["more"], number, after: 2) == .refused(refusal))
            #expect(try store.commit(number, rows: 2) == .refused(refusal))
            _ = try store.apply(.imports(.abandon(TestStore.product, import: number)))
            #expect(try store.findings() == [])
        }
        #expect(try store.moveAll() == 8)
        #expect(try store.record("new") == nil)
        #expect(try store.findings() == [])
    }

    @Test(
        "B8: a deleted device whose entitlement runs is active from the commit on, without a code")
    func deletedDevices() throws {
        let store = try TestStore()
        try store.buy(9)
        let until = store.now.adding(days: 10)
        for key in ["a", "b", "c"] {
            _ = try store.connect(key)
            _ = try store.apply(.devices(.delete(TestStore.device(key))))
        }
        _ = try store.apply(.devices(.setDisabled(TestStore.device("b"), true)))
        let number = try store.begin()
        _ = try store.stage(["a", "b", "c", "d"], number)
        #expect(try store.figures().devicesActive == 0)
        #expect(try store.findings() == [])
        _ = try store.commit(number, rows: 4)
        #expect(try store.figures().devicesActive == 3 && store.figures().devicesKnown == 4)
        #expect(try store.seenByShard("a")?.secret == "secret-a")
        #expect(try store.seenByShard("a")?.standing.expiresAt == until)
        let soon = try store.read { books, transaction throws(StoreError) in
            try books.nearExpiry(
                at: store.now, withinMilliseconds: 11 * TestStore.day, limit: 9, in: transaction)
        }
        #expect(soon.elements.map(\.identity.device.text) == ["a", "b", "c"])
        #expect(try store.findings() == [])
        #expect(try store.connect("a") == .admitted(until: until, consumed: false))
        #expect(try store.moveAll() == 3)
        #expect(try store.connect("b") == .admitted(until: until, consumed: false))
        #expect(try store.figures().devicesActive == 3 && store.figures().consumed == 3)
        #expect(try store.findings() == [])
    }

    @Test("B5, B8: an entitlement that ends while its device arrives is not counted as active")
    func endsMeanwhile() throws {
        let store = try TestStore()
        try store.buy(9)
        for key in ["a", "b"] {
            _ = try store.connect(key)
            _ = try store.apply(.devices(.delete(TestStore.device(key))))
        }
        let number = try store.begin()
        _ = try store.stage(["a", "b", "c"], number)
        store.advance(days: 10)
        #expect(
            try store.apply(.devices(.endEntitlement(TestStore.device("a"))))
                == .done(
                    .changed(
                        .devices(
                            .entitlementEnded(
                                TestStore.device("a"), code: ActivationCode(serial: 1))
                        ))))
        #expect(try store.findings() == [])
        _ = try store.commit(number, rows: 3)
        #expect(try store.figures().devicesActive == 1)
        #expect(try store.findings() == [])
        _ = try store.apply(.devices(.endExpired(limit: 9, graceMilliseconds: 0)))
        #expect(try store.figures().devicesActive == 0 && store.figures().devicesKnown == 3)
        #expect(try store.findings() == [])
        try store.moveAll()
        #expect(try store.figures().devicesActive == 0)
        #expect(try store.findings() == [])
    }

    @Test("B9: a product that is deleted takes no more rows and no commit; what is committed lands")
    func deletedProduct() throws {
        let store = try TestStore()
        try store.importInChunks(["a", "b", "c"])
        let number = try store.begin()
        _ = try store.stage(["d"], number)
        _ = try store.apply(.products(.delete(TestStore.product)))
        #expect(
            try store.stage(["e"], number, after: 1)
                == .refused(.products(.unknown(TestStore.product))))
        #expect(
            try store.commit(number, rows: 1) == .refused(.products(.unknown(TestStore.product))))
        #expect(
            try store.refusal(.imports(.begin(TestStore.product, key: nil, run: 1)))
                == "unknown-product")
        #expect(try store.findings() == [])
        #expect(try store.refusal(.imports(.abandon(TestStore.product, import: number))) == nil)
        #expect(try store.moveAll() == 4)
        #expect(try store.findings() == [])
    }

    @Test(
        "A8: a commit that is repeated with the same file is answered again, with another one refused"
    )
    func repeated() throws {
        let store = try TestStore()
        let number = try store.begin(key: "k")
        _ = try store.stage(["a"], number)
        let done = try store.commit(number, rows: 1, key: "k")
        guard case .done(let effect) = done else {
            Issue.record("\(done)")
            return
        }
        let events = try store.lastSequence()
        #expect(
            try store.apply(.imports(.begin(TestStore.product, key: "k", run: 1)))
                == .done(.importKnown))
        #expect(try store.commit(0, rows: 1, key: "k") == .repeated(effect))
        #expect(
            try store.commit(0, rows: 1, key: "k", digest: FileDigest(high: 1, low: 3))
                == .refused(.commands(.idempotencyKeyReused)))
        #expect(
            try store.commit(0, rows: 2, key: "k") == .refused(.commands(.idempotencyKeyReused)))
        #expect(try store.lastSequence() == events)
        #expect(
            try store.refusal(.imports(.begin(TestStore.product, key: "", run: 1)))
                == "idempotency-key-invalid")
        #expect(try store.findings() == [])
    }

    @Test("Import in chunks: a client that comes back with its key goes on alone")
    func takeOver() throws {
        let store = try TestStore()
        let first = try store.begin(key: "k")
        _ = try store.stage(["a"], first)
        let second = try store.begin(key: "k")
        #expect(try store.stage(["b"], first, after: 1) == .refused(.imports(.notReceiving(first))))
        #expect(try store.stage(["a"], second) == .done(.staged(rows: 1)))
        #expect(
            try store.commit(first, rows: 1, key: "k") == .refused(.imports(.notReceiving(first))))
        #expect(try store.findings() == [])
    }

    @Test(
        "Import in chunks: what another run of the gateway left is abandoned; what it committed lands"
    )
    func otherRuns() throws {
        let store = try TestStore()
        let (left, other) = (try store.begin(run: 1), try store.begin(run: 1))
        _ = try store.stage(["a", "b"], left)
        try store.importInChunks(["c"])
        #expect(
            try store.apply(.imports(.abandonOthers(run: 1))) == .done(.unchanged))
        #expect(
            try store.apply(.imports(.abandonOthers(run: 2)))
                == .done(.ended(count: 2, more: false)))
        #expect(try store.importRecord(left)?.state == .abandoned)
        #expect(try store.importRecord(other)?.state == .abandoned)
        // Without waiting for that, too.
        let third = try store.begin(run: 2)
        _ = try store.stage(["a"], third)
        let fourth = try store.begin(run: 3)
        #expect(try store.importRecord(third)?.state == .abandoned)
        #expect(try store.stage(["a"], fourth) == .done(.staged(rows: 1)))
        #expect(try store.moveAll() == 4)
        #expect(try store.list() == ["c"])
        #expect(try store.findings() == [])
    }

    @Test(
        "Import in chunks: a node's start abandons what its own runs have left, and nothing of other nodes'"
    )
    func otherNodes() throws {
        let store = try TestStore()
        func run(_ node: String, _ number: UInt64) -> GatewayRun {
            GatewayRun(node: NodeName(node)!, number: number)
        }
        let own = try store.begin(run: run("n1", 1))
        let other = try store.begin(run: run("n2", 1))
        let old = try store.begin(run: 1)
        #expect(try store.stage(["a"], other) == .done(.staged(rows: 1)))
        #expect(
            try store.apply(.imports(.abandonOthers(run: run("n1", 2))))
                == .done(.ended(count: 1, more: false)))
        func states() throws -> [ImportState?] {
            try [own, other, old].map { try store.importRecord($0)?.state }
        }
        #expect(try states() == [.abandoned, .receiving, .receiving])
        // Neither does an import that begins.
        _ = try store.begin(run: run("n1", 3))
        #expect(try states() == [.abandoned, .receiving, .receiving])
        #expect(try store.stage(["b"], other, after: 1) == .done(.staged(rows: 2)))
        // What was begun before there were nodes is of the gateway that was alone.
        #expect(
            try store.apply(.imports(.abandonOthers(run: 2)))
                == .done(.ended(count: 1, more: false)))
        #expect(try states() == [.abandoned, .receiving, .abandoned])
        #expect(try store.commit(other, rows: 2).effect != nil)
        #expect(try store.findings() == [])
    }

    @Test(
        "Import in chunks: a client that comes back with its key to another node goes on there alone"
    )
    func otherNodeTakesOver() throws {
        let store = try TestStore()
        let first = try store.begin(key: "k", run: GatewayRun(node: NodeName("n1")!, number: 1))
        let second = try store.begin(key: "k", run: GatewayRun(node: NodeName("n2")!, number: 1))
        #expect(try store.stage(["a"], first) == .refused(.imports(.notReceiving(first))))
        #expect(try store.stage(["a"], second) == .done(.staged(rows: 1)))
        #expect(try store.findings() == [])
    }

    @Test("Import in chunks: as many at a time as the limits say, and as many rows")
    func limits() throws {
        let store = try TestStore()
        let numbers = try (0..<Books.importsOfProductMaximum).map { _ in try store.begin() }
        let begin = Action.imports(.begin(TestStore.product, key: nil, run: 1))
        #expect(try store.refusal(begin) == "imports-under-way")
        _ = try store.apply(.imports(.abandon(TestStore.product, import: numbers[0])))
        #expect(try store.refusal(begin) == nil)
        let rows = (0...Books.importMaximumRows).map { "d\($0)" }
        #expect(
            try store.stage(rows, numbers[1])
                == .refused(.imports(.tooLarge(maximumRows: UInt32(Books.importMaximumRows)))))
        #expect(
            try store.stage(["a"], 9_999) == .refused(.imports(.unknown(TestStore.product, 9_999))))
        #expect(
            try store.commit(9_999, rows: 0)
                == .refused(.imports(.unknown(TestStore.product, 9_999))))
        #expect(
            try store.refusal(.imports(.abandon(TestStore.product, import: 9_999)))
                == "unknown-import")
        let page = try store.read { books, transaction throws(StoreError) in
            try books.imports(of: TestStore.product, limit: 2, in: transaction)
        }
        #expect(page.elements.count == 2 && page.cursor != nil)
        #expect(page.elements[0].number > page.elements[1].number)
    }
}
