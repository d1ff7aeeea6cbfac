import Processes
import Storage
import Testing
import Time

@testable import Ledger
@testable import LedgerModel

/// Rules A3, B10 and B11: lists, in pages, by their indexes.
@Suite(.computes) struct QueryTests {
    /// Books after a life of random commands, with their model.
    private func lived(seed: UInt64) throws -> (store: TestStore, model: Model) {
        let store = try CommandSource.store()
        var model = Model()
        var source = CommandSource(seed: seed)
        for _ in 0..<400 {
            let command = source.next()
            store.now = command.at
            _ = try store.apply(command)
            _ = model.apply(command)
        }
        return (store, model)
    }

    @Test(
        "A3, B10, B11: each list is what the model finds by looking at everything, whatever the size of the pages and however little each may read",
        arguments: [11, 12, 13, 14])
    func pages(seed: UInt64) throws {
        let (store, model) = try lived(seed: seed)
        for reads in [1, 2, 5, 17, 2_000] {
            let books = try Books(in: store.environment, readsPerPage: reads)
            for (question, answer) in model.questions(at: store.now) {
                for limit in [1, 3, 1_000] {
                    let place = "seed \(seed), \(reads) reads, limit \(limit), \(question.name)"
                    let pages = try question.pages(books, store.environment, limit: limit)
                    try #require(pages.flatMap(\.elements) == answer, "\(place)")
                    try #require(pages.allSatisfy { $0.elements.count <= limit }, "\(place)")
                }
            }
        }
    }

    @Test("A cursor stays good when the records before it, at it and behind it go, or others come")
    func stability() throws {
        let store = try TestStore()
        for device in ["b", "d", "f", "h", "j"] { try add(device, to: store) }
        let all = Question.devices("PK1", nil, at: store.now)
        func page(after cursor: String?) throws -> Question.Part {
            try all.page(store.books, store.environment, cursor: cursor, limit: 2)
        }
        let first = try page(after: nil)
        #expect(first.elements == ["b", "d"])
        for device in ["a", "c", "e"] { try add(device, to: store) }
        for device in ["b", "d", "f"] {
            _ = try store.apply(.devices(.delete(TestStore.device(device))))
        }
        let second = try page(after: first.cursor)
        #expect(second.elements == ["e", "h"])
        #expect(try page(after: second.cursor).elements == ["j"])
        // It still says where it was.
        #expect(try page(after: first.cursor).elements == ["e", "h"])
    }

    private func add(_ device: String, to store: TestStore) throws {
        let row = DeviceImport(device: DeviceKey(device)!, secret: nil)
        try #require(store.apply(.imports(.atOnce(TestStore.product, [row]))).effect != nil)
    }

    @Test("A list of devices near their expiry goes on where it was, though time has gone on")
    func time() throws {
        let store = try TestStore()
        try store.buy(6)
        for index in 1...6 {
            _ = try store.connect("d\(index)")
            store.advance(days: 1)
        }
        for filter in [ActivationFilter(), ActivationFilter(products: [TestStore.product])] {
            store.now = Timestamp(milliseconds: 1_700_000_000_000).adding(days: 8)
            let first = try Question.nearExpiry(filter, days: 30, at: store.now)
                .page(store.books, store.environment, limit: 2)
            #expect(first.elements == ["PK1.d1#1", "PK1.d2#1"])
            store.advance(days: 5)
            let second = try Question.nearExpiry(filter, days: 30, at: store.now)
                .page(store.books, store.environment, cursor: first.cursor, limit: 2)
            #expect(second.elements == ["PK1.d5#1", "PK1.d6#1"])
        }
    }

    @Test("A cursor that is damaged, or comes from another list or other filters, is refused")
    func foreignCursors() throws {
        let (store, model) = try lived(seed: 21)
        let questions = model.questions(at: store.now)
        var cursors: [String: String] = [:]
        for (question, answer) in questions where answer.count > 1 {
            let page = try question.page(store.books, store.environment, limit: 1)
            #expect(page.cursor != nil)
            cursors[question.name] = page.cursor
        }
        try #require(cursors.count > 20)
        for (question, _) in questions {
            for (name, cursor) in cursors where name != question.name {
                #expect(throws: StoreError.malformed(what: "cursor"), "\(name), \(question.name)") {
                    try question.page(store.books, store.environment, cursor: cursor)
                }
            }
        }
        for (question, _) in questions {
            guard let cursor = cursors[question.name] else { continue }
            for damaged in Self.damages(of: cursor) {
                #expect(throws: StoreError.malformed(what: "cursor"), "\(question.name)") {
                    try question.page(store.books, store.environment, cursor: damaged)
                }
            }
        }
    }

    /// One digit changed, at each place; one less, one more; none of the alphabet; none at all.
    private static func damages(of cursor: String) -> [String] {
        var damages = [
            "", "z", "0", "00", "ü", String(cursor.dropLast()), String(cursor.dropLast(2)),
            cursor + "0", cursor + "00", String(repeating: "0", count: 5_000),
        ]
        var digits = Array(cursor)
        for index in digits.indices {
            let digit = digits[index]
            digits[index] = digit == "7" ? "8" : "7"
            damages.append(String(digits))
            digits[index] = digit
        }
        return damages
    }

    @Test("No page looks at more records than it may, however few of them are wanted")
    func bound() throws {
        let store = try TestStore()
        try store.buy(5)
        let rows = (0..<9_000).map {
            DeviceImport(device: DeviceKey("device-\(10_000 + $0)")!, secret: nil)
        }
        try #require(store.apply(.imports(.atOnce(TestStore.product, rows))).effect != nil)
        for row in rows { _ = try store.apply(.devices(.setDisabled(Self.identity(row), true))) }
        for row in rows.suffix(2) {
            _ = try store.apply(.devices(.setDisabled(Self.identity(row), false)))
        }
        let inactive = Question.devices("PK1", .inactive, at: store.now)
        let pages = try inactive.pages(store.books, store.environment, limit: 100)
        #expect(pages.map(\.elements.count) == [0, 0, 0, 0, 2])
        let disabled = Question.devices("PK1", .disabled, at: store.now)
        let first = try disabled.page(store.books, store.environment, limit: 100)
        #expect(first.elements.count == 100)
        // Two records for each: a page of 9,000 would be too many.
        let all = try disabled.page(store.books, store.environment, limit: 9_000)
        #expect(all.elements.count == 1_000)
    }

    private static func identity(_ row: DeviceImport) -> DeviceIdentity {
        DeviceIdentity(product: TestStore.product, device: row.device)
    }
}
