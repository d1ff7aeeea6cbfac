import Storage
import Time

@testable import Ledger
@testable import LedgerModel

extension Damage {
    private static let first = Samples.authority("a1", of: TestStore.acme)
    private static let ghost = Samples.authority("a9", of: TestStore.acme).id

    private static let renewed = Samples.authority("a4", of: Tour.individual).id
    private static let latest = Samples.authority("a5", of: Tour.individual).id

    static let authorities: [Damage] = [
        Damage(
            "rules of a renewed certificate that are others",
            "authority \(renewed) has other rules than \(latest), which has its name and key"
        ) { (books, transaction) throws(StoreError) in
            try books.authorityRules.remove(latest, in: transaction)
        },
        Damage(
            "a pinning of a renewed certificate that is another",
            "authority \(renewed) has another pinning than \(latest), which has its name and key"
        ) { (books, transaction) throws(StoreError) in
            try books.pinnings.put(latest, PinningRecord(pinning: .listed), in: transaction)
        },
        Damage("an authority that is gone", "authority \(first.id) is not there") {
            (books, transaction) throws(StoreError) in
            try books.authorities.remove(first.id, in: transaction)
        },
        Damage("an authority too many", "the log has not left \(ghost)") {
            (books, transaction) throws(StoreError) in
            try books.authorities.copy(first.id, to: ghost, in: transaction)
        },
        Damage(
            "an authority of an unknown account",
            "authority \(first.id) is of account ghost, which is not there"
        ) { (books, transaction) throws(StoreError) in
            let authority = Samples.authority("a1", of: AccountID("ghost")!)
            try books.authorities.put(
                first.id,
                AuthorityRecord(authority, registeredAt: Timestamp(milliseconds: 0)),
                in: transaction)
        },
        Damage("an authority that is not listed", "is not listed under its account") {
            (books, transaction) throws(StoreError) in
            try books.accountAuthorities.remove(
                KeyPair(TestStore.acme, first.id), in: transaction)
        },
        Damage("a listed authority that is none", "table accountAuthorities: ") {
            (books, transaction) throws(StoreError) in
            try books.accountAuthorities.put(
                KeyPair(TestStore.acme, ghost), EmptyRecord(), in: transaction)
        },
        Damage(
            "a list of revoked certificates that is gone",
            "the list of revoked certificates of authority \(first.id) is not there",
            "authority \(first.id) has no list"
        ) { (books, transaction) throws(StoreError) in
            try books.revocationLists.remove(first.id, in: transaction)
        },
        Damage(
            "a list of revoked certificates too many", "the log has not left that of \(ghost)"
        ) { (books, transaction) throws(StoreError) in
            try books.revocationLists.copy(first.id, to: ghost, in: transaction)
        },
        Damage(
            "a list of revoked certificates that says another number",
            "how many certificates the list of authority \(first.id) has: 1 is not 2"
        ) { (books, transaction) throws(StoreError) in
            try books.revocationLists.put(
                first.id,
                RevocationListRecord(
                    Samples.revocations([7]), takenAt: Timestamp(milliseconds: 0)),
                in: transaction)
        },
        Damage(
            "an authority's pinning that is gone",
            "the pinning of authority \(first.id) is not there"
        ) { (books, transaction) throws(StoreError) in
            try books.pinnings.remove(first.id, in: transaction)
        },
        Damage(
            "an authority's pinning that is another", "authority \(first.id) has another pinning"
        ) { (books, transaction) throws(StoreError) in
            try books.pinnings.put(
                first.id, PinningRecord(pinning: .firstUse), in: transaction)
        },
        Damage("a device's pins that are gone", "the pins of PK4.g3 are not there") {
            (books, transaction) throws(StoreError) in
            try books.pins.remove(TestStore.device("g3", of: "PK4"), in: transaction)
        },
        Damage("a device's pins too many", "PK4.g9 is pinned to other certificates") {
            (books, transaction) throws(StoreError) in
            try books.pins.copy(
                TestStore.device("g3", of: "PK4"), to: TestStore.device("g9", of: "PK4"),
                in: transaction)
        },
        Damage(
            "rules of an authority that are gone",
            "the rules of authority \(first.id) are not there"
        ) { (books, transaction) throws(StoreError) in
            try books.authorityRules.remove(first.id, in: transaction)
        },
        Damage(
            "rules of an authority that are others", "authority \(first.id) has other rules"
        ) { (books, transaction) throws(StoreError) in
            try books.authorityRules.put(
                first.id, AuthorityRulesRecord(rules: Samples.rules("cn:${dk}")),
                in: transaction)
        },
        Damage(
            "rules of an authority too many", "authority \(ghost) has other rules"
        ) { (books, transaction) throws(StoreError) in
            try books.authorityRules.copy(first.id, to: ghost, in: transaction)
        },
        Damage(
            "a revoked certificate that is gone",
            "the certificates that authority \(first.id) has revoked: 1 is not 2"
        ) { (books, transaction) throws(StoreError) in
            try books.revokedCertificates.remove(
                KeyPair(first.id, AuthorityNumber([7])!), in: transaction)
        },
    ]
}
