import Bytes
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

    private func revoked(_ store: TestStore, by id: AuthorityID) throws -> [UInt8] {
        let transaction = try ReadTransaction(in: store.environment)
        return try (UInt8.min...UInt8.max).filter {
            try store.books.isRevoked(AuthorityNumber([$0])!, by: id, in: transaction)
        }
    }

    @Test(
        "E6: a list takes the place of the one before, if it is not older, and goes with its authority"
    )
    func revocations() throws {
        let store = try TestStore()
        func revoke(_ list: RevocationList) throws -> String? {
            try store.refusal(.authorities(.revoke(authority.id, list)))
        }
        #expect(try revoke(Samples.revocations([1])) == "unknown-authority")
        let other = Samples.authority("a2", of: TestStore.acme)
        for one in [authority, other] {
            #expect(try store.refusal(.authorities(.register(one))) == nil)
        }
        #expect(try revoked(store, by: authority.id) == [])
        #expect(try revoke(Samples.revocations([1, 2, 2, 0], number: 4)) == nil)
        #expect(try revoked(store, by: authority.id) == [0, 1, 2])
        #expect(try revoked(store, by: other.id) == [])
        #expect(try store.findings() == [])
        // An earlier one, one with a smaller number, and one without.
        for list in [
            Samples.revocations([9], number: 5, at: 4), Samples.revocations([9], number: 3, at: 6),
            Samples.revocations([9], number: nil, at: 6),
        ] {
            #expect(try revoke(list) == "revocation-list-older")
        }
        #expect(try revoked(store, by: authority.id) == [0, 1, 2])
        // The same again, then the next one.
        #expect(try revoke(Samples.revocations([0, 1, 2], number: 4)) == nil)
        #expect(try revoke(Samples.revocations([2, 3], number: 4, at: 6)) == nil)
        #expect(try revoked(store, by: authority.id) == [2, 3])
        #expect(try store.findings() == [])
        #expect(try store.refusal(.authorities(.remove(authority.id))) == nil)
        #expect(try revoked(store, by: authority.id) == [])
        #expect(try store.findings() == [])
        #expect(try store.refusal(.authorities(.register(authority))) == nil)
        #expect(try revoked(store, by: authority.id) == [])
    }

    @Test("E6: a list names at most 20,000 certificates, and fits into the replicated log")
    func largestList() throws {
        let store = try TestStore()
        #expect(try store.refusal(.authorities(.register(authority))) == nil)
        func list(_ count: Int) -> RevocationList {
            let serials = (0..<count).map { number in
                AuthorityNumber(
                    [UInt8](repeating: 0xFF, count: 17)
                        + [UInt8(number >> 16), UInt8(number >> 8 & 0xFF), UInt8(number & 0xFF)])!
            }
            return RevocationList(
                number: nil, thisUpdate: Timestamp(milliseconds: 1), nextUpdate: nil,
                serials: serials)
        }
        let tooLong = Action.authorities(.revoke(authority.id, list(20_001)))
        #expect(try store.refusal(tooLong) == "too-many-revoked")
        let longest = Action.authorities(.revoke(authority.id, list(20_000)))
        var bytes = ByteBuffer()
        longest.encode(into: &bytes)
        #expect(bytes.count < 512 * 1_024)
        #expect(try store.refusal(longest) == nil)
        #expect(try store.findings() == [])
    }

    @Test("A number of an authority's is its bytes without zeros in front, in order of size")
    func numbers() {
        #expect(AuthorityNumber([0, 0])?.description == "00")
        #expect(AuthorityNumber([0, 1, 0x2C])?.description == "012c")
        #expect(AuthorityNumber([UInt8](repeating: 1, count: 21)) == nil)
        #expect(AuthorityNumber([0] + [UInt8](repeating: 1, count: 20)) != nil)
        let numbers = [[], [1], [2], [0xFF], [1, 0], [1, 1]].compactMap { AuthorityNumber($0) }
        #expect(numbers.shuffled().sorted() == numbers)
    }
}
