import Storage
import Time

@testable import Ledger
@testable import LedgerModel

extension LedgerRecords {
    private static let authority = AuthorityID(String(repeating: "3f", count: 32))!

    private static func record(_ subject: String, isOn: Bool) -> AuthorityRecord {
        var record = AuthorityRecord(
            NewAuthority(
                id: authority, account: acme, name: "Factory", certificate: [0x30, 0x00],
                subject: subject, notBefore: time, notAfter: latest),
            registeredAt: time)
        record.isOn = isOn
        return record
    }

    private static func list(
        _ number: AuthorityNumber?, next: Timestamp?
    ) -> RevocationListRecord {
        RevocationListRecord(
            RevocationList(
                number: number, thisUpdate: time, nextUpdate: next,
                serials: [AuthorityNumber([1])!, AuthorityNumber([2])!]),
            takenAt: earliest)
    }

    private static var rules: AuthorityRules {
        guard let pattern = try? CertificatePattern("cn:${dk}"),
            let rules = AuthorityRules(
                pattern: pattern, product: ProductKey("PK1")!, registersDevices: true)
        else { preconditionFailure("these are rules") }
        return rules
    }

    static func authorities(_ books: Books) -> [GoldenTable] {
        [
            GoldenTable(
                books.authorities, keys: ["plain": authority],
                records: [
                    "on": record("CN=Acme", isOn: true), "off": record("", isOn: false),
                ]),
            GoldenTable(
                books.accountAuthorities, keys: ["plain": KeyPair(acme, authority)]),
            GoldenTable(
                books.revocationLists, keys: ["plain": authority],
                records: [
                    "numbered": list(AuthorityNumber([1, 0]), next: latest),
                    "plain": list(nil, next: nil),
                ]),
            GoldenTable(
                books.authorityRules, keys: ["plain": authority],
                records: [
                    "least": AuthorityRulesRecord(rules: .standard),
                    "most": AuthorityRulesRecord(rules: rules),
                ]),
            GoldenTable(
                books.pinnings, keys: ["plain": authority],
                records: ["listed": PinningRecord(pinning: .listed)]),
            GoldenTable(
                books.pins,
                keys: [
                    "plain": DeviceIdentity(product: ProductKey("PK1")!, device: DeviceKey("d")!)
                ],
                records: [
                    "one": PinsRecord(fingerprints: [CertificateFingerprint(authority.text)!])
                ]),
            GoldenTable(
                books.revokedCertificates,
                keys: [
                    "plain": KeyPair(authority, AuthorityNumber([0x01, 0xFF])!),
                    "zero": KeyPair(authority, AuthorityNumber([])!),
                ]),
        ]
    }
}
