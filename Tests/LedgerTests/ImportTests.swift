import Storage
import Testing
import Time

@testable import Ledger
@testable import LedgerModel

/// Imports in chunks: what the books say at every step of one.
@Suite struct ImportTests {
    private static let closed = Action.updateProduct(
        Desk.product, ProductUpdate(registration: .imported))

    @Test(
        "Import in chunks: nobody sees a row before the commit; all are there from it on, landed or not"
    )
    func visibility() throws {
        let desk = try Desk()
        try desk.buy(9)
        _ = try desk.apply(Self.closed)
        let number = try desk.begin()
        #expect(try desk.stage(["d1", "d2"], number) == .done(.staged(rows: 2)))
        #expect(try desk.stage(["d3"], number, after: 2) == .done(.staged(rows: 3)))
        #expect(try desk.record("d1") == nil && desk.list().isEmpty)
        #expect(try desk.seenByShard("d1") == nil)
        #expect(try desk.figures().devicesKnown == 0)
        #expect(try desk.connect("d1") == .refused("unknown-device"))
        #expect(try desk.importRecord(number)?.state == .receiving)
        #expect(try desk.findings() == [])
        let before = try desk.lastSequence()
        _ = try desk.commit(number, rows: 3)
        #expect(try desk.lastSequence() == before + 1)
        for landed in [false, true] {
            if landed { #expect(try desk.moveAll() == 3) }
            #expect(try desk.record("d2")?.name == "n-d2")
            #expect(try desk.record("d2")?.registeredAt == desk.now)
            #expect(try desk.seenByShard("d2")?.secret == "secret-d2")
            #expect(try desk.list() == ["d1", "d2", "d3"])
            #expect(try desk.figures().devicesKnown == 3)
            #expect(try desk.importRecord(number)?.state == (landed ? .done : .landing))
            #expect(try desk.findings() == [])
        }
        #expect(try desk.lastSequence() == before + 1)
        guard case .admitted(_, consumed: true) = try desk.connect("d1") else {
            Issue.record("not admitted")
            return
        }
    }

    @Test(
        "B1, B2: a device of a committed import connects before it has landed, and consumes one code"
    )
    func connectBeforeLanding() throws {
        let desk = try Desk()
        try desk.buy(9)
        _ = try desk.apply(Self.closed)
        let number = try desk.importInChunks((0..<7).map { "d\($0)" })
        for key in ["d6", "d0", "d3"] {
            let until = desk.now.adding(days: 10)
            #expect(try desk.connect(key) == .admitted(until: until, consumed: true))
            #expect(try desk.connect(key) == .admitted(until: until, consumed: false))
            #expect(try desk.findings() == [])
        }
        #expect(try desk.importRecord(number)?.moved == 3)
        #expect(try desk.moveAll() == 4)
        #expect(try desk.figures().devicesKnown == 7 && desk.figures().devicesActive == 3)
        #expect(try desk.record("d3")?.codesConsumed == 1)
        #expect(try desk.record("d3")?.secret == SealedSecret("secret-d3"))
        #expect(try desk.importRecord(number)?.state == .done)
        #expect(try desk.findings() == [])
    }

    @Test("Import in chunks: whatever is done to a device before it has landed is done to it")
    func changesBeforeLanding() throws {
        let desk = try Desk()
        try desk.buy(9)
        try desk.importInChunks(["a", "b", "c", "d", "e", "f"])
        #expect(try desk.refusal(.setDisabled(Desk.device("a"), true)) == nil)
        #expect(try desk.refusal(.deleteDevice(Desk.device("b"))) == nil)
        #expect(
            try desk.refusal(.resetSecret(Desk.device("c"), secret: SealedSecret("new")!)) == nil)
        #expect(try desk.refusal(.activateByHand(Desk.device("d"))) == nil)
        #expect(try desk.refusal(.setDeviceRenewal(Desk.device("e"), false)) == nil)
        #expect(
            try desk.apply(.registerDevice(Desk.device("f"), secret: SealedSecret("x")!))
                == .done(.registered(SealedSecret("secret-f")!)))
        for _ in 0..<2 {
            #expect(try desk.list() == ["a", "c", "d", "e", "f"])
            #expect(try desk.record("a")?.isDisabled == true)
            #expect(try desk.record("b") == nil)
            #expect(try desk.record("c")?.secret == SealedSecret("new"))
            #expect(try desk.record("d")?.codesConsumed == 1)
            #expect(try desk.record("e")?.isExceptedFromRenewal == true)
            #expect(try desk.figures().devicesKnown == 5 && desk.figures().devicesActive == 1)
            #expect(try desk.findings() == [])
            try desk.moveAll()
        }
    }

    @Test(
        "Import in chunks: all rows or none; a bad one is named with its line, and nothing of it stays"
    )
    func allOrNothing() throws {
        let desk = try Desk()
        _ = try desk.apply(
            .importDevices(Desk.product, [.init(device: DeviceKey("d5")!, secret: nil)]))
        let number = try desk.begin()
        _ = try desk.stage(["d1", "d2"], number)
        #expect(
            try desk.stage(["d3", "d4", "d5"], number, after: 2)
                == .refused(.importLine(line: 6, device: DeviceKey("d5")!, fault: .exists)))
        #expect(try desk.importRecord(number)?.rows == 2)
        #expect(
            try desk.stage(["d3", "d1"], number, after: 2)
                == .refused(.importLine(line: 5, device: DeviceKey("d1")!, fault: .repeatedRow)))
        #expect(
            try desk.stage(["d3", "d3"], number, after: 2)
                == .refused(.importLine(line: 5, device: DeviceKey("d3")!, fault: .repeatedRow)))
        #expect(
            try desk.stage(["d3"], number, after: 1)
                == .refused(.importOutOfStep(number, staged: 2)))
        #expect(try desk.commit(number, rows: 3) == .refused(.importOutOfStep(number, staged: 2)))
        #expect(try desk.refusal(.importing(.abandon(Desk.product, import: number))) == nil)
        #expect(
            try desk.apply(.importing(.abandon(Desk.product, import: number))) == .done(.unchanged))
        #expect(try desk.stage(["d3"], number, after: 2) == .refused(.importNotReceiving(number)))
        #expect(try desk.commit(number, rows: 2) == .refused(.importNotReceiving(number)))
        #expect(try desk.figures().devicesKnown == 1 && desk.list() == ["d5"])
        #expect(try desk.findings() == [])
        // The corrected file comes while what is left of the first is still there.
        let second = try desk.importInChunks(["d1", "d2", "d3"])
        #expect(try desk.figures().devicesKnown == 4)
        #expect(try desk.moveAll(limit: 1) == 5)
        #expect(try desk.importRecord(number)?.state == .abandoned)
        #expect(try desk.importRecord(second)?.state == .done)
        #expect(try desk.list() == ["d1", "d2", "d3", "d5"])
        #expect(try desk.findings() == [])
    }

    @Test(
        "Import in chunks: two at once; the first that names a device has it until it is abandoned")
    func twoAtOnce() throws {
        let desk = try Desk()
        let (first, second) = (try desk.begin(), try desk.begin())
        _ = try desk.stage(["a", "b"], first)
        #expect(try desk.stage(["c", "d"], second) == .done(.staged(rows: 2)))
        #expect(
            try desk.stage(["e", "b"], second, after: 2)
                == .refused(.importLine(line: 5, device: DeviceKey("b")!, fault: .arriving)))
        // Another product has devices of its own.
        _ = try desk.apply(.createProduct(Desk.newProduct("PK2")))
        try desk.importInChunks(["a", "b"], of: "PK2")
        _ = try desk.commit(first, rows: 2)
        #expect(
            try desk.stage(["b"], second, after: 2)
                == .refused(.importLine(line: 4, device: DeviceKey("b")!, fault: .exists)))
        _ = try desk.commit(second, rows: 2)
        #expect(try desk.list(limit: 1) == ["a", "b", "c", "d"])
        #expect(try desk.findings() == [])
        #expect(try desk.moveAll(limit: 1) == 6)
        #expect(try desk.list(limit: 1) == ["a", "b", "c", "d"])
        #expect(try desk.list(of: "PK2") == ["a", "b"])
        #expect(try desk.findings() == [])
    }

    @Test(
        "Import in chunks: a device that came into the books meanwhile stops the commit, with its line"
    )
    func conflicts() throws {
        let desk = try Desk()
        try desk.buy(9)
        _ = try desk.connect("returns")
        _ = try desk.apply(.deleteDevice(Desk.device("returns")))
        let small = Action.importDevices(
            Desk.product, [DeviceImport(device: DeviceKey("small")!, secret: nil)])
        let ways: [(String, Action)] = [
            ("registers", .registerDevice(Desk.device("registers"), secret: SealedSecret("s")!)),
            ("connects", .activate(Desk.device("connects"), confirmsSecret: nil)),
            (
                "returns",
                .activate(Desk.device("returns"), confirmsSecret: SealedSecret("s")!.fingerprint)
            ),
            ("small", small),
        ]
        for (key, action) in ways {
            let number = try desk.begin()
            #expect(try desk.stage(["new", key], number) == .done(.staged(rows: 2)))
            #expect(try desk.refusal(action) == nil)
            let refusal = Refusal.importLine(line: 3, device: DeviceKey(key)!, fault: .exists)
            #expect(try desk.findings() == [])
            // Also when it has gone again.
            _ = try desk.apply(.deleteDevice(Desk.device(key)))
            #expect(try desk.stage(["more"], number, after: 2) == .refused(refusal))
            #expect(try desk.commit(number, rows: 2) == .refused(refusal))
            _ = try desk.apply(.importing(.abandon(Desk.product, import: number)))
            #expect(try desk.findings() == [])
        }
        #expect(try desk.moveAll() == 8)
        #expect(try desk.record("new") == nil)
        #expect(try desk.findings() == [])
    }

    @Test(
        "B8: a deleted device whose entitlement runs is active from the commit on, without a code")
    func deletedDevices() throws {
        let desk = try Desk()
        try desk.buy(9)
        let until = desk.now.adding(days: 10)
        for key in ["a", "b", "c"] {
            _ = try desk.connect(key)
            _ = try desk.apply(.deleteDevice(Desk.device(key)))
        }
        _ = try desk.apply(.setDisabled(Desk.device("b"), true))
        let number = try desk.begin()
        _ = try desk.stage(["a", "b", "c", "d"], number)
        #expect(try desk.figures().devicesActive == 0)
        #expect(try desk.findings() == [])
        _ = try desk.commit(number, rows: 4)
        #expect(try desk.figures().devicesActive == 3 && desk.figures().devicesKnown == 4)
        #expect(try desk.seenByShard("a")?.secret == "secret-a")
        #expect(try desk.seenByShard("a")?.standing.expiresAt == until)
        let soon = try desk.read { books, transaction throws(StoreError) in
            try books.nearExpiry(
                at: desk.now, withinMilliseconds: 11 * Desk.day, limit: 9, in: transaction)
        }
        #expect(soon.elements.map(\.identity.device.text) == ["a", "b", "c"])
        #expect(try desk.findings() == [])
        #expect(try desk.connect("a") == .admitted(until: until, consumed: false))
        #expect(try desk.moveAll() == 3)
        #expect(try desk.connect("b") == .admitted(until: until, consumed: false))
        #expect(try desk.figures().devicesActive == 3 && desk.figures().consumed == 3)
        #expect(try desk.findings() == [])
    }

    @Test("B5, B8: an entitlement that ends while its device arrives is not counted as active")
    func endsMeanwhile() throws {
        let desk = try Desk()
        try desk.buy(9)
        for key in ["a", "b"] {
            _ = try desk.connect(key)
            _ = try desk.apply(.deleteDevice(Desk.device(key)))
        }
        let number = try desk.begin()
        _ = try desk.stage(["a", "b", "c"], number)
        desk.advance(days: 10)
        #expect(
            try desk.apply(.endEntitlement(Desk.device("a")))
                == .done(
                    .changed(
                        .entitlementEnded(
                            Desk.device("a"), code: ActivationCode(serial: 1)))))
        #expect(try desk.findings() == [])
        _ = try desk.commit(number, rows: 3)
        #expect(try desk.figures().devicesActive == 1)
        #expect(try desk.findings() == [])
        _ = try desk.apply(.endExpired(limit: 9, graceMilliseconds: 0))
        #expect(try desk.figures().devicesActive == 0 && desk.figures().devicesKnown == 3)
        #expect(try desk.findings() == [])
        try desk.moveAll()
        #expect(try desk.figures().devicesActive == 0)
        #expect(try desk.findings() == [])
    }

    @Test("B9: a product that is deleted takes no more rows and no commit; what is committed lands")
    func deletedProduct() throws {
        let desk = try Desk()
        try desk.importInChunks(["a", "b", "c"])
        let number = try desk.begin()
        _ = try desk.stage(["d"], number)
        _ = try desk.apply(.deleteProduct(Desk.product))
        #expect(try desk.stage(["e"], number, after: 1) == .refused(.unknownProduct(Desk.product)))
        #expect(try desk.commit(number, rows: 1) == .refused(.unknownProduct(Desk.product)))
        #expect(
            try desk.refusal(.importing(.begin(Desk.product, key: nil, run: 1)))
                == "unknown-product")
        #expect(try desk.findings() == [])
        #expect(try desk.refusal(.importing(.abandon(Desk.product, import: number))) == nil)
        #expect(try desk.moveAll() == 4)
        #expect(try desk.findings() == [])
    }

    @Test(
        "A8: a commit that is repeated with the same file is answered again, with another one refused"
    )
    func repeated() throws {
        let desk = try Desk()
        let number = try desk.begin(key: "k")
        _ = try desk.stage(["a"], number)
        let done = try desk.commit(number, rows: 1, key: "k")
        guard case .done(let effect) = done else {
            Issue.record("\(done)")
            return
        }
        let events = try desk.lastSequence()
        #expect(
            try desk.apply(.importing(.begin(Desk.product, key: "k", run: 1)))
                == .done(.importKnown))
        #expect(try desk.commit(0, rows: 1, key: "k") == .repeated(effect))
        #expect(
            try desk.commit(0, rows: 1, key: "k", digest: FileDigest(high: 1, low: 3))
                == .refused(.idempotencyKeyReused))
        #expect(try desk.commit(0, rows: 2, key: "k") == .refused(.idempotencyKeyReused))
        #expect(try desk.lastSequence() == events)
        #expect(
            try desk.refusal(.importing(.begin(Desk.product, key: "", run: 1)))
                == "idempotency-key-invalid")
        #expect(try desk.findings() == [])
    }

    @Test("Import in chunks: a client that comes back with its key goes on alone")
    func takeOver() throws {
        let desk = try Desk()
        let first = try desk.begin(key: "k")
        _ = try desk.stage(["a"], first)
        let second = try desk.begin(key: "k")
        #expect(try desk.stage(["b"], first, after: 1) == .refused(.importNotReceiving(first)))
        #expect(try desk.stage(["a"], second) == .done(.staged(rows: 1)))
        #expect(try desk.commit(first, rows: 1, key: "k") == .refused(.importNotReceiving(first)))
        #expect(try desk.findings() == [])
    }

    @Test(
        "Import in chunks: what another run of the gateway left is abandoned; what it committed lands"
    )
    func otherRuns() throws {
        let desk = try Desk()
        let (left, other) = (try desk.begin(run: 1), try desk.begin(run: 1))
        _ = try desk.stage(["a", "b"], left)
        try desk.importInChunks(["c"])
        #expect(
            try desk.apply(.importing(.abandonOthers(run: 1))) == .done(.unchanged))
        #expect(
            try desk.apply(.importing(.abandonOthers(run: 2)))
                == .done(.ended(count: 2, more: false)))
        #expect(try desk.importRecord(left)?.state == .abandoned)
        #expect(try desk.importRecord(other)?.state == .abandoned)
        // Without waiting for that, too.
        let third = try desk.begin(run: 2)
        _ = try desk.stage(["a"], third)
        let fourth = try desk.begin(run: 3)
        #expect(try desk.importRecord(third)?.state == .abandoned)
        #expect(try desk.stage(["a"], fourth) == .done(.staged(rows: 1)))
        #expect(try desk.moveAll() == 4)
        #expect(try desk.list() == ["c"])
        #expect(try desk.findings() == [])
    }

    @Test("Import in chunks: as many at a time as the limits say, and as many rows")
    func limits() throws {
        let desk = try Desk()
        let numbers = try (0..<Books.importsOfProductMaximum).map { _ in try desk.begin() }
        let begin = Action.importing(.begin(Desk.product, key: nil, run: 1))
        #expect(try desk.refusal(begin) == "imports-under-way")
        _ = try desk.apply(.importing(.abandon(Desk.product, import: numbers[0])))
        #expect(try desk.refusal(begin) == nil)
        let rows = (0...Books.importMaximumRows).map { "d\($0)" }
        #expect(
            try desk.stage(rows, numbers[1])
                == .refused(.importTooLarge(maximumRows: UInt32(Books.importMaximumRows))))
        #expect(try desk.stage(["a"], 9_999) == .refused(.unknownImport(Desk.product, 9_999)))
        #expect(try desk.commit(9_999, rows: 0) == .refused(.unknownImport(Desk.product, 9_999)))
        #expect(
            try desk.refusal(.importing(.abandon(Desk.product, import: 9_999)))
                == "unknown-import")
        let page = try desk.read { books, transaction throws(StoreError) in
            try books.imports(of: Desk.product, limit: 2, in: transaction)
        }
        #expect(page.elements.count == 2 && page.cursor != nil)
        #expect(page.elements[0].number > page.elements[1].number)
    }
}
