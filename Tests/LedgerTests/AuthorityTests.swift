import Bytes
import Processes
import Storage
import Testing
import Time

@testable import Ledger
@testable import LedgerModel

/// Authorities, as far as the books have to do with them.
@Suite(.computes) struct AuthorityTests {
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
            guard let record = try store.books.authority(id, in: transaction) else { return false }
            return try store.books.isRevoked(
                AuthorityNumber([$0])!, by: id, record, in: transaction)
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
        // The same again changes nothing, then the next one.
        let last = try store.lastSequence()
        #expect(
            try store.apply(
                .authorities(.revoke(authority.id, Samples.revocations([0, 1, 2], number: 4))))
                == .done(.unchanged))
        #expect(try store.lastSequence() == last)
        // Another list in that one's name, and one that lasts longer, are no repetition.
        #expect(try revoke(Samples.revocations([0, 1, 3], number: 4)) == nil)
        #expect(try revoked(store, by: authority.id) == [0, 1, 3])
        #expect(try revoke(Samples.revocations([0, 1, 3], number: 4, next: 1 << 41)) == nil)
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
            let serials = (0..<count).map { number -> AuthorityNumber in
                var bytes = [UInt8](repeating: 0xFF, count: 20)
                for index in 17..<20 {
                    bytes[index] = UInt8(truncatingIfNeeded: number >> (8 * (19 - index)))
                }
                return AuthorityNumber(bytes)!
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

    @Test(
        "E6: lists of an account and its sub-accounts name at most 100,000 certificates, whatever others have"
    )
    func bounds() throws {
        let store = try TestStore()
        let (other, child, sibling) = (
            AccountID("other")!, AccountID("child")!, AccountID("sibling")!
        )
        let parents: [AccountID: AccountID] = [child: TestStore.acme, sibling: TestStore.acme]
        for id in [other, child, sibling] {
            let new = NewAccount(id: id, name: "", kind: .enterprise, parent: parents[id])
            #expect(try store.refusal(.accounts(.create(new))) == nil)
        }
        func give(_ digit: String, _ count: Int, number: UInt8) throws -> String? {
            let list = RevocationList(
                number: AuthorityNumber([number]), thisUpdate: Timestamp(milliseconds: 1),
                nextUpdate: nil,
                serials: (0..<count).map {
                    AuthorityNumber([1, UInt8($0 >> 8), UInt8($0 & 0xFF)])!
                }
            )
            let id = Samples.authority(digit, of: TestStore.acme).id
            return try store.refusal(.authorities(.revoke(id, list)))
        }
        let tooMany = "too-many-revoked-of-account"
        for (name, account) in [
            ("1", TestStore.acme), ("2", child), ("3", child), ("4", sibling),
            ("5", TestStore.acme), ("6", TestStore.acme), ("7", sibling), ("8", other),
        ] {
            let authority = Samples.authority(name, of: account)
            #expect(try store.refusal(.authorities(.register(authority))) == nil)
            let expected = ["6", "7"].contains(name) ? tooMany : nil
            #expect(try give(name, 20_000, number: 1) == expected, "\(name)")
        }
        // The next list of one counts in place of the one before, and room that was made can be used, by a sub-account too.
        for (name, count, number) in [("2", 20_000, 2), ("2", 19_990, 3), ("7", 10, 1)] {
            #expect(try give(name, count, number: UInt8(number)) == nil)
        }
        for name in ["6", "7"] { #expect(try give(name, 11, number: 2) == tooMany) }
        // One that is as long as the one before is always taken.
        #expect(try give("7", 10, number: 3) == nil)
        #expect(
            try store.refusal(
                .authorities(.remove(Samples.authority("4", of: sibling).id))) == nil)
        #expect(try give("6", 20_000, number: 2) == nil)
        #expect(try store.findings() == [])
    }

    @Test(
        "E6: authorities of an account with one name and key have one list among them, which stays when one of them goes"
    )
    func renewed() throws {
        let store = try TestStore()
        func register(
            _ digits: String, name: UInt8 = 1, key: UInt8 = 1, version: Bool = true
        ) throws -> AuthorityID {
            let new = Samples.authority(
                digits, of: TestStore.acme,
                certificate: Samples.certificate(
                    name: name, key: key, serial: UInt8(digits)!, version: version))
            #expect(try store.refusal(.authorities(.register(new))) == nil)
            return new.id
        }
        let old = try register("3")
        func revoke(_ id: AuthorityID, _ list: RevocationList) throws -> String? {
            try store.refusal(.authorities(.revoke(id, list)))
        }
        #expect(try revoke(old, Samples.revocations([1, 2], number: 4)) == nil)
        let others = [try register("1", name: 2), try register("2", key: 2)]
        let new = try register("4")
        let first = try register("5", version: false)
        for id in [old, new, first] { #expect(try revoked(store, by: id) == [1, 2]) }
        for id in others { #expect(try revoked(store, by: id) == []) }
        // The next list is given to the other one, and not twice.
        #expect(try revoke(new, Samples.revocations([9], number: 3)) == "revocation-list-older")
        #expect(try revoke(new, Samples.revocations([2, 3], number: 5)) == nil)
        for id in [old, new, first] { #expect(try revoked(store, by: id) == [2, 3]) }
        #expect(
            try store.apply(
                .authorities(.revoke(old, Samples.revocations([2, 3], number: 5))))
                == .done(.unchanged))
        let shown = try store.read { books, transaction throws(StoreError) in
            try books.authorityView(new, in: transaction)?.revocations
        }
        #expect(shown?.count == 2 && shown?.number == AuthorityNumber([5]))
        #expect(try store.findings() == [])
        for (gone, left) in [(old, [new, first]), (new, [first])] {
            #expect(try store.refusal(.authorities(.remove(gone))) == nil)
            for id in left { #expect(try revoked(store, by: id) == [2, 3]) }
            #expect(try store.findings() == [])
        }
        #expect(try store.refusal(.authorities(.remove(first))) == nil)
        #expect(try revoked(store, by: try register("6")) == [])
        #expect(try store.findings() == [])
    }

    @Test("What is no certificate has no name and key, wherever it ends")
    func issuers() {
        let whole = Samples.certificate(name: 1, key: 2, serial: 3)
        func issuer(_ certificate: [UInt8]) -> [UInt8]? {
            AuthorityRecord(
                Samples.authority("1", of: TestStore.acme, certificate: certificate),
                registeredAt: Timestamp(milliseconds: 0)
            ).issuer.map(Array.init)
        }
        #expect(issuer(whole) == [0x30, 0x81, 1, 1, 0x30, 0x81, 1, 2])
        for count in 0..<whole.count { #expect(issuer(Array(whole[..<count])) == nil) }
        for index in whole.indices {
            for byte in [0x80, 0x84, 0x85, 0xFF] as [UInt8] {
                var other = whole
                other[index] = byte
                // Nothing but that it comes back.
                _ = issuer(other)
            }
        }
    }

    @Test("A number of an authority's is its bytes without zeros in front, in order of size")
    func numbers() {
        #expect(AuthorityNumber([0, 0])?.description == "00")
        #expect(AuthorityNumber([0, 1, 0x2C])?.description == "012c")
        #expect(AuthorityNumber([UInt8](repeating: 1, count: 65)) == nil)
        #expect(AuthorityNumber([0] + [UInt8](repeating: 1, count: 64)) != nil)
        let numbers = [[], [1], [2], [0xFF], [1, 0], [1, 1]].compactMap { AuthorityNumber($0) }
        #expect(numbers.shuffled().sorted() == numbers)
    }
}

/// What an authority's certificates say, and which a device may show.
@Suite(.computes) struct AuthorityRuleTests {
    /// It is in force at the time of the store.
    private let authority = NewAuthority(
        id: Samples.authority("a1", of: TestStore.acme).id, account: TestStore.acme, name: "A",
        certificate: [0x30, 0x00], subject: "CN=A", notBefore: Timestamp(milliseconds: 0),
        notAfter: Timestamp(milliseconds: 1 << 46))
    private let fingerprints = ["1a", "2b", "3c", "4d", "5e"].map {
        CertificateFingerprint(String(repeating: $0, count: 32))!
    }

    private func registered() throws -> TestStore {
        let store = try TestStore()
        try #require(try store.refusal(.authorities(.register(authority))) == nil)
        return store
    }

    private func connect(_ device: String, _ number: Int, _ store: TestStore) throws -> String? {
        try store.refusal(
            .devices(
                .activateByCertificate(
                    TestStore.device(device),
                    ShownCertificate(authority: authority.id, fingerprint: fingerprints[number]),
                    at: nil)))
    }

    private func pins(_ device: String, _ store: TestStore) throws -> [CertificateFingerprint] {
        let transaction = try ReadTransaction(in: store.environment)
        return try store.books.pins(of: TestStore.device(device), in: transaction)
    }

    @Test(
        "E7: rules take each other's place, name the account's own products, and go with their authority"
    )
    func rules() throws {
        let store = try TestStore()
        func set(_ rules: AuthorityRules) throws -> String? {
            try store.refusal(.authorities(.setRules(authority.id, rules)))
        }
        #expect(try set(Samples.rules("cn:${dk}")) == "unknown-authority")
        #expect(try store.refusal(.authorities(.register(authority))) == nil)
        let strange = Samples.rules("cn:${dk}", product: ProductKey("nobody")!)
        #expect(try set(strange) == "unknown-product")
        let other = AccountID("other")!
        #expect(
            try store.refusal(
                .accounts(.create(NewAccount(id: other, name: "O", kind: .enterprise)))) == nil)
        let theirs = Samples.authority("b1", of: other)
        #expect(try store.refusal(.authorities(.register(theirs))) == nil)
        let own = Samples.rules("cn:${dk}", product: TestStore.product)
        #expect(
            try store.refusal(.authorities(.setRules(theirs.id, own)))
                == "product-of-another-account")
        #expect(try set(own) == nil)
        #expect(try store.apply(.authorities(.setRules(authority.id, own))) == .done(.unchanged))
        #expect(try store.findings() == [])
        #expect(try set(.standard) == nil)
        #expect(try store.findings() == [])
        #expect(try set(own) == nil)
        #expect(try store.refusal(.authorities(.remove(authority.id))) == nil)
        #expect(try store.refusal(.authorities(.register(authority))) == nil)
        let transaction = try ReadTransaction(in: store.environment)
        #expect(try store.books.rules(of: authority.id, in: transaction) == .standard)
        #expect(try store.findings() == [])
    }

    @Test(
        "E7, E8: rules and pinning are those of all that an account has of one name and key, and stay when one of them goes"
    )
    func renewed() throws {
        let store = try TestStore()
        let other = AccountID("other")!
        #expect(
            try store.refusal(
                .accounts(.create(NewAccount(id: other, name: "O", kind: .enterprise)))) == nil)
        func register(
            _ digits: String, name: UInt8 = 1, key: UInt8 = 1,
            of account: AccountID = TestStore.acme
        ) throws -> AuthorityID {
            let new = Samples.authority(
                digits, of: account,
                certificate: Samples.certificate(name: name, key: key, serial: UInt8(digits)!))
            #expect(try store.refusal(.authorities(.register(new))) == nil)
            return new.id
        }
        func said(
            of id: AuthorityID
        ) throws -> (rules: AuthorityRules, pinning: CertificatePinning) {
            let transaction = try ReadTransaction(in: store.environment)
            return (
                try store.books.rules(of: id, in: transaction),
                try store.books.pinning(of: id, in: transaction)
            )
        }
        let (old, between) = (try register("5"), try register("4"))
        let strangers = [
            try register("1", name: 2), try register("2", key: 2), try register("3", of: other),
        ]
        let rules = Samples.rules("cn:${dk}", product: TestStore.product)
        #expect(try store.refusal(.authorities(.setRules(between, rules))) == nil)
        #expect(try store.refusal(.authorities(.setPinning(old, .firstUse))) == nil)
        let new = try register("6")
        for id in [old, between, new] { #expect(try said(of: id) == (rules, .firstUse)) }
        for id in strangers { #expect(try said(of: id) == (.standard, .none)) }
        #expect(try store.findings() == [])
        // Each of them is told of; what is as it was is not.
        let last = try store.lastSequence()
        #expect(try store.refusal(.authorities(.setPinning(new, .listed))) == nil)
        #expect(try store.lastSequence() == last + 3)
        for action in [AuthorityAction.setPinning(old, .listed), .setRules(old, rules)] {
            #expect(try store.apply(.authorities(action)) == .done(.unchanged))
        }
        // The one that has the list is removed, and so is the one that the rules were set of.
        #expect(
            try store.refusal(.authorities(.revoke(old, Samples.revocations([1])))) == nil)
        for gone in [old, between] {
            #expect(try store.refusal(.authorities(.remove(gone))) == nil)
            #expect(try said(of: new) == (rules, .listed))
            #expect(try said(of: gone) == (.standard, .none))
            #expect(try store.findings() == [])
        }
        #expect(try said(of: try register("5")) == (rules, .listed))
        #expect(try store.refusal(.authorities(.setRules(old, .standard))) == nil)
        #expect(try said(of: new) == (.standard, .listed))
        for gone in [old, new] {
            #expect(try store.refusal(.authorities(.remove(gone))) == nil)
        }
        #expect(try said(of: try register("7")) == (.standard, .none))
        #expect(try store.findings() == [])
    }

    @Test(
        "E7: a device that is not known is registered where its authority says so and is in force, and its product is not closed"
    )
    func bringing() throws {
        let store = try registered()
        let close = { (policy: RegistrationPolicy) in
            Action.products(.update(TestStore.product, ProductUpdate(registration: policy)))
        }
        #expect(try store.refusal(close(.imported)) == nil)
        try store.buy(2)
        #expect(try connect("new", 0, store) == "unknown-device")
        let bringing = Action.authorities(
            .setRules(authority.id, Samples.rules("cn:${pk}.${dk}")))
        #expect(try store.refusal(bringing) == nil)
        #expect(try store.refusal(.authorities(.setOn(authority.id, false))) == nil)
        #expect(try connect("new", 0, store) == "unknown-device")
        #expect(try store.refusal(.authorities(.setOn(authority.id, true))) == nil)
        #expect(try store.refusal(close(.closed)) == nil)
        #expect(try connect("new", 0, store) == "unknown-device")
        #expect(try store.refusal(close(.imported)) == nil)
        // By a certificate alone, and by no other authority's.
        #expect(try store.connect("new") == .refused("unknown-device"))
        let stranger = ShownCertificate(authority: nil, fingerprint: fingerprints[0])
        let action = Action.devices(
            .activateByCertificate(TestStore.device("new"), stranger, at: nil))
        #expect(try store.refusal(action) == "unknown-device")
        #expect(try connect("new", 0, store) == nil)
        #expect(try connect("next", 0, store) == nil)
        #expect(try connect("late", 0, store) == "no-code-left")
        #expect(try store.record("late") == nil)
        // What is known stays, whatever the authority says later.
        #expect(try store.refusal(.authorities(.setRules(authority.id, .standard))) == nil)
        #expect(try connect("new", 0, store) == nil)
        #expect(try store.findings() == [])
    }

    @Test(
        "E8: on first use one certificate is pinned, and another one refused, until it is forgotten"
    )
    func firstUse() throws {
        let store = try registered()
        try store.buy(2)
        #expect(try connect("d1", 0, store) == nil && pins("d1", store).isEmpty)
        let pinning = Action.authorities(.setPinning(authority.id, .firstUse))
        #expect(try store.refusal(pinning) == nil)
        #expect(try connect("d1", 0, store) == nil)
        #expect(try pins("d1", store) == [fingerprints[0]])
        #expect(try connect("d1", 1, store) == "not-pinned")
        #expect(try connect("d1", 0, store) == nil)
        // No code is left for the third: nothing is pinned.
        #expect(try connect("d2", 1, store) == nil)
        #expect(try connect("d3", 2, store) == "no-code-left")
        #expect(try pins("d3", store).isEmpty)
        let forget = Action.devices(.setPins(TestStore.device("d1"), []))
        #expect(try store.refusal(forget) == nil)
        #expect(try store.apply(forget) == .done(.unchanged))
        #expect(try connect("d1", 1, store) == nil)
        #expect(try pins("d1", store) == [fingerprints[1]])
        // Its pins go with the device.
        #expect(try store.refusal(.devices(.delete(TestStore.device("d1")))) == nil)
        #expect(try pins("d1", store).isEmpty)
        #expect(try store.findings() == [])
    }

    @Test("E8: a device shows those that are listed, four at most, and none where none is")
    func listed() throws {
        let store = try registered()
        try store.buy(2)
        func list(_ numbers: [Int]) throws -> String? {
            try store.refusal(
                .devices(.setPins(TestStore.device("d1"), numbers.map { fingerprints[$0] })))
        }
        #expect(try list([0]) == "unknown-device")
        #expect(try connect("d1", 0, store) == nil)
        #expect(try store.refusal(.authorities(.setPinning(authority.id, .listed))) == nil)
        #expect(try connect("d1", 0, store) == "not-pinned")
        #expect(try pins("d1", store).isEmpty)
        #expect(try list([2, 0, 0]) == nil)
        #expect(try pins("d1", store) == [fingerprints[0], fingerprints[2]])
        for number in 0..<3 {
            #expect(try connect("d1", number, store) == (number == 1 ? "not-pinned" : nil))
        }
        #expect(try list([0, 1, 2, 3, 4]) == "quantity-out-of-range")
        #expect(try list([0, 1, 2, 3]) == nil)
        #expect(try store.refusal(.authorities(.setPinning(authority.id, .none))) == nil)
        #expect(try connect("d1", 4, store) == nil)
        #expect(try store.findings() == [])
    }
}
