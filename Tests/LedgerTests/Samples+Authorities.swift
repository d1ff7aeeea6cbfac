import Time

@testable import Ledger
@testable import LedgerModel

/// Of authorities.
extension Samples {
    /// Its id ends with those digits.
    static func authority(
        _ digits: String, of account: AccountID, name: String = "Factory",
        certificate: [UInt8] = [0x30, 0x00], endsAt end: Int64 = 1 << 40
    ) -> NewAuthority {
        let zeros = String(repeating: "0", count: 64 - digits.utf8.count)
        return NewAuthority(
            id: AuthorityID(zeros + digits)!, account: account, name: name,
            certificate: certificate, subject: "CN=Acme", notBefore: Timestamp(milliseconds: -4),
            notAfter: Timestamp(milliseconds: end))
    }

    /// What is as long as a certificate has to be to be compared with another one (RFC 5280, 4.1): of that name and key,
    /// each one byte, and with that serial number.
    static func certificate(name: UInt8, key: UInt8, serial: UInt8, version: Bool = true) -> [UInt8]
    {
        func element(_ tag: UInt8, _ content: [UInt8]) -> [UInt8] {
            [tag, 0x81, UInt8(content.count)] + content
        }
        let empty = element(0x30, [])
        let fields =
            (version ? element(0xA0, [0x02, 1, 2]) : []) + [0x02, 1, serial] + empty + empty
            + empty + element(0x30, [name]) + element(0x30, [key]) + element(0xA3, [0])
        return element(0x30, element(0x30, fields) + empty)
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
        .authorities(.setRules(authorityID, rules("cn:${dk}", product: TestStore.product))),
        .authorities(.setRules(authorityID, .standard)),
        .authorities(.setPinning(authorityID, .listed)),
        .devices(.setPins(identity, [fingerprint])), .devices(.setPins(identity, [])),
        .devices(
            .activateByCertificate(
                identity, ShownCertificate(authority: authorityID, fingerprint: fingerprint),
                at: DataCentreID("dc2")!)),
        .devices(
            .activateByCertificate(
                identity, ShownCertificate(authority: nil, fingerprint: fingerprint), at: nil)),
    ]

    static let fingerprint = CertificateFingerprint(String(repeating: "3f", count: 32))!

    static func rules(
        _ pattern: String?, product: ProductKey? = nil, registersDevices: Bool = true
    ) -> AuthorityRules {
        guard
            let rules = AuthorityRules(
                pattern: pattern.flatMap { try? CertificatePattern($0) }, product: product,
                registersDevices: registersDevices)
        else { preconditionFailure("no rules: \(pattern ?? "none")") }
        return rules
    }

    static let authorityChanges: [Change] = [
        .authorities(
            .removedWithHeir(
                authorityID, account: TestStore.acme, heir: authority("a2", of: TestStore.acme).id)),
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
        .authorities(
            .rulesSet(
                authorityID, account: TestStore.acme, rules("cn:${dk}", product: TestStore.product)
            )),
        .authorities(.rulesSet(authorityID, account: TestStore.acme, .standard)),
        .authorities(.pinningSet(authorityID, account: TestStore.acme, .firstUse)),
        .devices(.pinsSet(identity, [fingerprint])), .devices(.pinsSet(identity, [])),
    ]

    static let authorityRefusals: [Refusal] = [
        .authorities(.unknown(authorityID)), .authorities(.tooMany(maximum: 300)),
        .authorities(.listOlder(authorityID)), .authorities(.tooManyRevoked(maximum: 300)),
        .authorities(.tooManyRevokedOfAccount(TestStore.acme, maximum: 300)),
        .devices(.notPinned(identity)),
    ]
}
