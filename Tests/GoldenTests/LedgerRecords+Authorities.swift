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
                books.revokedCertificates,
                keys: [
                    "plain": KeyPair(authority, AuthorityNumber([0x01, 0xFF])!),
                    "zero": KeyPair(authority, AuthorityNumber([])!),
                ]),
        ]
    }
}
