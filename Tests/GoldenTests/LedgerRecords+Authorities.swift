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

    static func authorities(_ books: Books) -> [GoldenTable] {
        [
            GoldenTable(
                books.authorities, keys: ["plain": authority],
                records: [
                    "on": record("CN=Acme", isOn: true), "off": record("", isOn: false),
                ]),
            GoldenTable(
                books.accountAuthorities, keys: ["plain": KeyPair(acme, authority)]),
        ]
    }
}
