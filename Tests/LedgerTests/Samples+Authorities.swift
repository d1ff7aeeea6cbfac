import Time

@testable import Ledger
@testable import LedgerModel

/// Of authorities.
extension Samples {
    /// Its id ends with those digits.
    static func authority(
        _ digits: String, of account: AccountID, name: String = "Factory",
        certificate: [UInt8] = [0x30, 0x00]
    ) -> NewAuthority {
        let zeros = String(repeating: "0", count: 64 - digits.utf8.count)
        return NewAuthority(
            id: AuthorityID(zeros + digits)!, account: account, name: name,
            certificate: certificate, subject: "CN=Acme", notBefore: Timestamp(milliseconds: -4),
            notAfter: Timestamp(milliseconds: 1 << 40))
    }

    /// With those serial numbers of one byte, made so many milliseconds after 1970.
    static func revocations(
        _ serials: [UInt8], number: UInt8? = 1, at milliseconds: Int64 = 5, next: Int64? = 1 << 40
    ) -> RevocationList {
        RevocationList(
            number: number.flatMap { AuthorityNumber([$0]) },
            thisUpdate: Timestamp(milliseconds: milliseconds),
            nextUpdate: next.map { Timestamp(milliseconds: $0) },
            serials: serials.map { AuthorityNumber([$0])! })
    }

    private static let authorityID = authority("a1", of: TestStore.acme).id

    static let authorityActions: [Action] = [
        .authorities(.register(authority("a1", of: TestStore.acme))),
        .authorities(.setOn(authorityID, false)),
        .authorities(.remove(authorityID)),
        .authorities(.revoke(authorityID, revocations([0, 7, 0xFF]))),
        .authorities(.revoke(authorityID, revocations([], number: nil, next: nil))),
    ]

    static let authorityChanges: [Change] = [
        .authorities(
            .registered(
                authorityID, account: TestStore.acme, notAfter: Timestamp(milliseconds: 4))),
        .authorities(.updated(authorityID, account: TestStore.acme, isOn: true)),
        .authorities(.removed(authorityID, account: TestStore.acme)),
        .authorities(
            .revoked(
                authorityID, account: TestStore.acme, count: 300,
                nextUpdate: Timestamp(milliseconds: 4))),
        .authorities(
            .revoked(authorityID, account: TestStore.acme, count: 0, nextUpdate: nil)),
    ]

    static let authorityRefusals: [Refusal] = [
        .authorities(.unknown(authorityID)), .authorities(.tooMany(maximum: 300)),
        .authorities(.listOlder(authorityID)), .authorities(.tooManyRevoked(maximum: 300)),
    ]
}
