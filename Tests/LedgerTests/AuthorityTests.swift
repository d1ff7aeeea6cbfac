import Storage
import Testing
import Time

@testable import Ledger
@testable import LedgerModel

/// Authorities, as far as the books have to do with them.
@Suite struct AuthorityTests {
    private let authority = Samples.authority("a1", of: TestStore.acme)

    private func record(_ id: AuthorityID, _ store: TestStore) throws -> AuthorityRecord? {
        let transaction = try ReadTransaction(in: store.environment)
        return try store.books.authority(id, in: transaction)
    }

    @Test(
        "An authority is registered, switched off and on, and removed, and is one account's alone")
    func life() throws {
        let store = try TestStore()
        let register = Action.authorities(.register(authority))
        #expect(
            try store.refusal(
                .authorities(.register(Samples.authority("a1", of: AccountID("x")!))))
                == "unknown-account")
        #expect(try store.refusal(register) == nil)
        #expect(try store.refusal(register) == "already-exists")
        #expect(try record(authority.id, store)?.vouches(at: Timestamp(milliseconds: 1)) == true)
        #expect(
            try record(authority.id, store)?.vouches(at: Timestamp(milliseconds: 2 << 40)) == false)
        #expect(
            try record(authority.id, store)?.vouches(at: Timestamp(milliseconds: -5)) == false)
        #expect(try store.apply(.authorities(.setOn(authority.id, true))) == .done(.unchanged))
        #expect(try store.refusal(.authorities(.setOn(authority.id, false))) == nil)
        #expect(try record(authority.id, store)?.vouches(at: Timestamp(milliseconds: 1)) == false)
        #expect(try store.findings() == [])
        #expect(try store.refusal(.authorities(.remove(authority.id))) == nil)
        #expect(try store.refusal(.authorities(.remove(authority.id))) == "unknown-authority")
        #expect(
            try store.refusal(.authorities(.setOn(authority.id, true))) == "unknown-authority")
        #expect(try store.refusal(register) == nil)
        #expect(try store.findings() == [])
    }

    @Test("E5: an account has 10 authorities, one that was removed makes room, none is too long")
    func limits() throws {
        let store = try TestStore()
        for number in 0..<10 {
            let authority = Samples.authority("\(number)", of: TestStore.acme)
            #expect(try store.refusal(.authorities(.register(authority))) == nil)
        }
        let more = Action.authorities(.register(authority))
        #expect(try store.refusal(more) == "too-many-authorities")
        let first = Samples.authority("0", of: TestStore.acme)
        #expect(try store.refusal(.authorities(.remove(first.id))) == nil)
        let long = Samples.authority(
            "b1", of: TestStore.acme, certificate: [UInt8](repeating: 0, count: 8_193))
        #expect(try store.refusal(.authorities(.register(long))) == "quantity-out-of-range")
        #expect(try store.refusal(more) == nil)
        let transaction = try ReadTransaction(in: store.environment)
        let listed = try store.books.authorities(of: TestStore.acme, limit: 100, in: transaction)
        #expect(listed.elements.count == 10)
        #expect(try store.books.allAuthorities(in: transaction).count == 10)
        #expect(try store.findings() == [])
    }
}
