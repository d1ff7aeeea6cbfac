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

    private static let authorityID = authority("a1", of: TestStore.acme).id

    static let authorityActions: [Action] = [
        .authorities(.register(authority("a1", of: TestStore.acme))),
        .authorities(.setOn(authorityID, false)),
        .authorities(.remove(authorityID)),
    ]

    static let authorityChanges: [Change] = [
        .authorities(
            .registered(
                authorityID, account: TestStore.acme, notAfter: Timestamp(milliseconds: 4))),
        .authorities(.updated(authorityID, account: TestStore.acme, isOn: true)),
        .authorities(.removed(authorityID, account: TestStore.acme)),
    ]

    static let authorityRefusals: [Refusal] = [
        .authorities(.unknown(authorityID)), .authorities(.tooMany(maximum: 300)),
    ]
}
