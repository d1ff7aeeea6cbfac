import Storage
import Testing
import Time

@testable import Ledger
@testable import LedgerModel

/// Something wrong with the books of `Tour`, and what `verify` has to say about it.
struct Damage: Sendable, CustomTestStringConvertible {
    typealias Deed = @Sendable (Books, borrowing WriteTransaction) throws(StoreError) -> Void

    let name: String

    /// Each must be part of one of the findings.
    let findings: [String]
    let deed: Deed

    init(_ name: String, _ findings: String..., deed: @escaping Deed) {
        self.name = name
        self.findings = findings
        self.deed = deed
    }

    var testDescription: String { name }

    static let all =
        whole + tenants + codes + products + devices + history + packs + upgrades + imports
        + corrections + webhooks + alerts + authorities + firmware + campaigns
}

extension Table {
    /// Changes the record at `key`, which must be there.
    func change(
        _ key: Key,
        in transaction: borrowing WriteTransaction,
        _ body: (inout Record) -> Void
    ) throws(StoreError) {
        guard var record = try get(key, in: transaction) else {
            throw .malformed(what: "the test's own: nothing at the key in \(name)")
        }
        body(&record)
        try put(key, record, in: transaction)
    }

    /// Files the record at `key`, which must be there, at another one too.
    func copy(
        _ key: Key,
        to other: Key,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) {
        guard let record = try get(key, in: transaction) else {
            throw .malformed(what: "the test's own: nothing at the key in \(name)")
        }
        try put(other, record, in: transaction)
    }

    /// Removes the record at `key`, which must be there.
    func remove(_ key: Key, in transaction: borrowing WriteTransaction) throws(StoreError) {
        guard try delete(key, in: transaction) else {
            throw .malformed(what: "the test's own: nothing at the key in \(name)")
        }
    }
}
