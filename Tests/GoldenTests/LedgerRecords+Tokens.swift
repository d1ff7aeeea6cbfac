import Storage
import Time

@testable import Ledger
@testable import LedgerModel

extension LedgerRecords {
    static func tokenKeys(_ books: Books) -> [GoldenTable] {
        func record(_ material: TokenKey.Material, _ audience: String?) -> TokenKeyRecord {
            TokenKeyRecord(
                key: TokenKey(id: TokenKeyID("2027-01")!, material: material, audience: audience)!,
                addedAt: time)
        }
        return [
            GoldenTable(
                books.tokenKeys, keys: ["plain": KeyPair(product, TokenKeyID("2027-01")!)],
                records: [
                    "es256": record(.es256([4] + (1...64).map { UInt8($0) }), nil),
                    "eddsa": record(.edDSA((1...32).map { UInt8($0) }), "projects/lamp"),
                    "hs256": record(.hs256(SealedSecret([9, 8, 7])!), nil),
                ])
        ]
    }
}
