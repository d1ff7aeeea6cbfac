import Storage
import Testing
import Time

@testable import Ledger
@testable import LedgerModel

/// Rule E2, as far as it is about authorities.
@Suite struct AuthorityAlertTests {
    private func review(_ store: TestStore) throws {
        #expect(try store.apply(.alerts(.review(limit: 1_000))) == .done(.unchanged))
    }

    private func sweep(_ store: TestStore) throws {
        #expect(try store.apply(.alerts(.sweep(limit: 1_000))) == .done(.unchanged))
    }

    /// Which were fired, in order: the last digit of the authority's id, what was left, and whether each is open.
    private func states(_ store: TestStore) throws -> [String] {
        try store.alerts().map { alert in
            let state = alert.record.resolvedAt == nil ? "open" : "resolved"
            let digit = alert.record.place.subject.authority?.text.last.map(String.init) ?? "?"
            return "\(alert.record.place.kind.name) \(digit) \(alert.record.value) \(state)"
        }
    }

    private func register(
        _ digit: String, days: Int64, key: UInt8 = 1, _ store: TestStore
    ) throws -> AuthorityID {
        let new = Samples.authority(
            digit, of: TestStore.acme,
            certificate: Samples.certificate(name: 1, key: key, serial: UInt8(digit)!),
            endsAt: store.now.milliseconds + days * TestStore.day)
        #expect(try store.refusal(.authorities(.register(new))) == nil)
        return new.id
    }

    @Test(
        "E2: an authority near its end fires once, and is resolved when it is switched off or removed"
    )
    func ending() throws {
        let store = try TestStore()
        try review(store)
        try sweep(store)
        let id = try register("1", days: 31, store)
        try review(store)
        try sweep(store)
        #expect(try states(store) == [])
        store.advance(days: 1)
        try sweep(store)
        try sweep(store)
        #expect(try states(store) == ["authority-ending 1 30 open"])
        let alert = try #require(try store.alerts().first)
        #expect(alert.record.threshold == 30 && alert.authorityName == "Factory")
        #expect(try store.refusal(.authorities(.setOn(id, false))) == nil)
        try review(store)
        #expect(try states(store) == ["authority-ending 1 30 resolved"])
        #expect(try store.refusal(.authorities(.setOn(id, true))) == nil)
        store.advance(days: 60)
        try sweep(store)
        #expect(try states(store).last == "authority-ending 1 0 open")
        #expect(try store.findings() == [])
        #expect(try store.refusal(.authorities(.remove(id))) == nil)
        try review(store)
        #expect(try states(store).last == "authority-ending 1 0 resolved")
        #expect(try store.findings() == [])
    }

    @Test(
        "E2: an authority with a successor of its name and key is no alert; one of another key doesn't help"
    )
    func renewed() throws {
        let store = try TestStore()
        try review(store)
        try sweep(store)
        let old = try register("1", days: 9, store)
        try review(store)
        #expect(try states(store) == ["authority-ending 1 9 open"])
        _ = try register("2", days: 90, key: 2, store)
        try review(store)
        #expect(try states(store) == ["authority-ending 1 9 open"])
        let new = try register("3", days: 90, store)
        try review(store)
        #expect(try states(store) == ["authority-ending 1 9 resolved"])
        #expect(try store.refusal(.authorities(.setOn(new, false))) == nil)
        try review(store)
        #expect(
            try states(store) == ["authority-ending 1 9 resolved", "authority-ending 1 9 open"])
        #expect(try store.refusal(.authorities(.setOn(new, true))) == nil)
        try review(store)
        #expect(try store.refusal(.authorities(.remove(old))) == nil)
        try review(store)
        #expect(
            try states(store)
                == ["authority-ending 1 9 resolved", "authority-ending 1 9 resolved"])
        #expect(try store.findings() == [])
    }

    @Test(
        "E2: a list is due within the rule's days, or a quarter of its own time, and a new one resolves that"
    )
    func lists() throws {
        let store = try TestStore()
        try review(store)
        try sweep(store)
        let id = try register("1", days: 900, store)
        func give(_ number: UInt8, days: Int64?) throws {
            let list = Samples.revocations(
                [1], number: number, at: store.now.milliseconds,
                next: days.map { store.now.milliseconds + $0 * TestStore.day })
            #expect(try store.refusal(.authorities(.revoke(id, list))) == nil)
            try review(store)
        }
        try give(1, days: 40)
        store.advance(days: 32)
        try sweep(store)
        #expect(try states(store) == [])
        store.advance(days: 1)
        try sweep(store)
        #expect(try states(store) == ["revocation-list-due 1 7 open"])
        #expect(try store.alerts().first?.record.threshold == 7)
        // One of eight days is due two days before, and no alert when it is new.
        try give(2, days: 8)
        #expect(try states(store) == ["revocation-list-due 1 7 resolved"])
        store.advance(days: 5)
        try sweep(store)
        #expect(try states(store).count == 1)
        store.advance(days: 1)
        try sweep(store)
        #expect(try states(store).last == "revocation-list-due 1 2 open")
        store.advance(days: 9)
        try give(3, days: nil)
        store.advance(days: 99)
        try sweep(store)
        #expect(try states(store).last == "revocation-list-due 1 2 resolved")
        // It was never there, and goes with its authority.
        try give(4, days: 0)
        #expect(try states(store).last == "revocation-list-due 1 0 open")
        #expect(try store.refusal(.authorities(.remove(id))) == nil)
        try review(store)
        #expect(try states(store).last == "revocation-list-due 1 0 resolved")
        #expect(try store.findings() == [])
    }

    @Test(
        "E2: rules of an account hold for its authorities, and a heir has the alert about its list")
    func rules() throws {
        let store = try TestStore()
        try review(store)
        try sweep(store)
        let old = try register("1", days: 400, store)
        let new = try register("2", days: 900, store)
        let list = Samples.revocations([1], at: 5, next: store.now.milliseconds - 1)
        #expect(try store.refusal(.authorities(.revoke(old, list))) == nil)
        try review(store)
        #expect(try states(store) == ["revocation-list-due 1 0 open"])
        #expect(try store.refusal(.authorities(.remove(old))) == nil)
        try review(store)
        #expect(
            Set(try states(store))
                == ["revocation-list-due 1 0 resolved", "revocation-list-due 2 0 open"])
        let off = AlertRule(isOn: false, number: 1)
        let early = AlertRule(number: 1, days: 1_000)
        for (kind, rule) in [(AlertKind.revocationListDue, off), (.authorityEnding, early)] {
            #expect(try store.refusal(.alerts(.setRule(TestStore.acme, kind, rule))) == nil)
        }
        try sweep(store)
        #expect(
            Set(try states(store))
                == [
                    "revocation-list-due 1 0 resolved", "revocation-list-due 2 0 resolved",
                    "authority-ending 2 900 open",
                ])
        #expect(try store.refusal(.alerts(.resetRule(TestStore.acme, .authorityEnding))) == nil)
        try sweep(store)
        #expect(try states(store).contains("authority-ending 2 900 resolved"))
        // Devices come in by none of that name and key.
        #expect(try store.refusal(.alerts(.resetRule(TestStore.acme, .revocationListDue))) == nil)
        try sweep(store)
        #expect(try states(store).last == "revocation-list-due 2 0 open")
        #expect(try store.refusal(.authorities(.setOn(new, false))) == nil)
        try review(store)
        #expect(try states(store).last == "revocation-list-due 2 0 resolved")
        #expect(try store.findings() == [])
    }

    @Test("What ends first is told first, and no more than is asked for")
    func ends() throws {
        let store = try TestStore()
        for (digit, days) in [("1", 30), ("2", 10), ("3", 20)] {
            let id = try register(digit, days: Int64(days), key: UInt8(digit)!, store)
            let list = Samples.revocations(
                [1], at: 5, next: digit == "1" ? nil : store.now.milliseconds + Int64(days))
            #expect(try store.refusal(.authorities(.revoke(id, list))) == nil)
        }
        let off = try register("4", days: 1, key: 4, store)
        let list = Samples.revocations([1], at: 5, next: store.now.milliseconds + 1)
        #expect(try store.refusal(.authorities(.revoke(off, list))) == nil)
        #expect(try store.refusal(.authorities(.setOn(off, false))) == nil)
        // Another one of its name and key goes on for longer.
        _ = try register("5", days: 5, key: 1, store)
        func digits(_ ends: [AuthorityEnd]) -> [String] {
            ends.map { String($0.authority.text.suffix(1)) }
        }
        let (some, all) = try store.read { books, transaction throws(StoreError) in
            (
                try books.authorityEnds(limit: 2, in: transaction),
                try books.authorityEnds(limit: 9, in: transaction)
            )
        }
        #expect(digits(some.certificates) == ["2", "3"] && digits(some.lists) == ["2", "3"])
        #expect(digits(all.certificates) == ["2", "3", "1"] && digits(all.lists) == ["2", "3"])
        #expect(some.lists.first?.at == store.now.adding(milliseconds: 10))
    }
}
