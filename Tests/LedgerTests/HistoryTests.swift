import Storage
import Testing
import Time

@testable import Ledger
@testable import LedgerModel

/// Rules B10, B11 and E3.
@Suite struct HistoryTests {
    /// Three devices activated a day apart; the first renewed at its end.
    private func store() throws -> (TestStore, start: Timestamp) {
        let store = try TestStore()
        let start = store.now
        try store.buy(10)
        for index in 1...3 {
            _ = try store.connect("d\(index)")
            store.advance(days: 1)
        }
        store.now = start.adding(days: 10)
        _ = try store.apply(.devices(.renew(TestStore.device("d1"))))
        return (store, start)
    }

    private func search(_ store: TestStore, _ filter: ActivationFilter) throws -> [String] {
        try store.read { books, transaction throws(StoreError) in
            try books.consumedCodes(of: TestStore.product, filter, limit: 100, in: transaction)
        }.elements.map { "\($0.identity.device)#\($0.entitlement.period)" }
    }

    @Test("B10: consumptions are found by DK, activation date and expiry date")
    func searches() throws {
        let (store, start) = try store()
        #expect(try search(store, ActivationFilter()) == ["d1#1", "d2#1", "d3#1", "d1#2"])
        #expect(
            try search(store, ActivationFilter(device: DeviceKey("d1")!)) == ["d1#1", "d1#2"]
        )
        #expect(
            try search(
                store,
                ActivationFilter(activated: start.adding(days: 1)..<start.adding(days: 3))
            ) == ["d2#1", "d3#1"]
        )
        #expect(
            try search(
                store,
                ActivationFilter(expires: start.adding(days: 11)..<start.adding(days: 21))
            ) == ["d2#1", "d3#1", "d1#2"]
        )
        #expect(
            try search(
                store,
                ActivationFilter(
                    device: DeviceKey("d1")!,
                    activated: start..<start.adding(days: 1),
                    expires: start..<start.adding(days: 11)
                )
            ) == ["d1#1"]
        )
    }

    @Test("B10: each device has its own list, and a count of at least 1 once it was active")
    func ownList() throws {
        let (store, start) = try store()
        let list = try store.history("d1")
        #expect(list.map(\.period) == [1, 2])
        #expect(list.map(\.activatedAt) == [start, start.adding(days: 10)])
        #expect(list.map(\.cause) == [.first, .renewal])
        #expect(Set(list.map(\.code)).count == 2)
        #expect(try store.record("d1")?.codesConsumed == 2)
        #expect(try store.history("d9") == [])
    }

    @Test("B10: the history comes in pages")
    func pages() throws {
        let (store, _) = try store()
        var cursor: String?
        var found: [UInt64] = []
        repeat {
            let page = try store.read { books, transaction throws(StoreError) in
                try books.consumedCodes(
                    of: TestStore.product,
                    cursor: cursor,
                    limit: 3,
                    in: transaction
                )
            }
            found += page.elements.map(\.entitlement.code.serial)
            cursor = page.cursor
        } while cursor != nil
        #expect(found == [1, 2, 3, 4])
        let own = ActivationFilter(device: DeviceKey("d1")!)
        let first = try store.read { books, transaction throws(StoreError) in
            try books.consumedCodes(of: TestStore.product, own, limit: 1, in: transaction)
        }
        let second = try store.read { books, transaction throws(StoreError) in
            try books.consumedCodes(
                of: TestStore.product,
                own,
                cursor: first.cursor,
                limit: 1,
                in: transaction
            )
        }
        #expect(first.elements.map(\.entitlement.period) == [1])
        #expect(second.elements.map(\.entitlement.period) == [2] && second.cursor == nil)
        #expect(throws: StoreError.malformed(what: "cursor")) {
            try store.read { books, transaction throws(StoreError) in
                try books.consumedCodes(
                    of: TestStore.product,
                    cursor: "zz",
                    limit: 3,
                    in: transaction
                )
            }
        }
    }

    @Test("B11: near expiry is 0 < rest <= the limit, sorted by expiry, without deleted devices")
    func nearExpiry() throws {
        let store = try TestStore()
        let start = store.now
        try store.buy(10)
        for index in 1...4 {
            _ = try store.connect("d\(index)")
            store.advance(days: 1)
        }
        _ = try store.apply(.devices(.delete(TestStore.device("d2"))))
        func list(days: Int64, _ filter: ActivationFilter = ActivationFilter()) throws -> [String] {
            try store.read { books, transaction throws(StoreError) in
                try books.nearExpiry(
                    at: store.now,
                    withinMilliseconds: days * TestStore.day,
                    filter,
                    limit: 10,
                    in: transaction
                )
            }.elements.map(\.identity.device.text)
        }
        store.now = start.adding(days: 9)
        #expect(try list(days: 1) == ["d1"])
        #expect(try list(days: 3) == ["d1", "d3"])
        store.now = start.adding(days: 10).adding(milliseconds: -1)
        #expect(try list(days: 30) == ["d1", "d3", "d4"])
        store.now = start.adding(days: 10)
        #expect(try list(days: 30) == ["d3", "d4"])
        #expect(try list(days: 30, ActivationFilter(productName: "METER")) == ["d3", "d4"])
        #expect(try list(days: 30, ActivationFilter(productName: "valve")) == [])
        #expect(try list(days: 30, ActivationFilter(device: DeviceKey("d4")!)) == ["d4"])
        let counts = try store.read { books, transaction throws(StoreError) in
            try books.nearExpiryCounts(
                at: store.now, withinMilliseconds: 30 * TestStore.day, in: transaction)
        }
        #expect(counts.count == 1 && counts.values.first?.total == 2)
        #expect(
            try list(
                days: 30,
                ActivationFilter(expires: start.adding(days: 13)..<start.adding(days: 14))
            ) == ["d4"]
        )
        #expect(
            try list(
                days: 30,
                ActivationFilter(activated: start.adding(days: 2)..<start.adding(days: 3))
            ) == ["d3"]
        )
    }

    @Test("E3: every change is an event with the next number, readable from any point")
    func log() throws {
        let (store, _) = try store()
        let events = try store.read { books, transaction throws(StoreError) in
            try books.events(after: 0, limit: 1_000, in: transaction)
        }
        #expect(events.map(\.sequence) == Array(1...UInt64(events.count)))
        #expect(events.count == Int(try store.lastSequence()))
        #expect(
            events.suffix(3).map(\.change.name) == [
                "device-registered", "device-activated", "device-activated",
            ]
        )
        let tail = try store.read { books, transaction throws(StoreError) in
            try books.events(after: UInt64(events.count - 2), limit: 1, in: transaction)
        }
        #expect(tail == [events[events.count - 2]])
    }
}
