import Bytes
import Cryptography
public import Storage

/// Comparing the books of several nodes.
extension Books {
    /// What is in each table, in the order of their names. Reads the whole store.
    package func digests(
        in transaction: borrowing ReadTransaction
    ) throws(StoreError) -> [TableDigest] {
        var digests: [TableDigest] = []
        for table in tables { digests.append(try table.digest(in: transaction)) }
        return digests.sorted { $0.name < $1.name }
    }

    private var tables: [any DigestedTable] {
        [
            books, accounts, accountProducts, subAccounts, contacts, accountKeys, packages,
            holdings, batches, purchases, unassigned, voided, assignments, productAssignments,
            accountTotals, products, pools, lots, devices, consumptions, expiries, returned,
            voidedConsumptions, periods, expiring, disabled, topUps, openTopUps, topUpExpiries,
            topUpTotals, topUpChanges, leases, leasesByHolder, upgrades, upgradeOrder,
            openUpgrades, upgradeMonths, keys, answers, documents, events, imports, importing,
            stagedDevices, limits, registrations, sealingKeys, log, senders, partitions,
            sessionFollowings, metadata, notedDevices, notedProducts, webhooks, webhookProgress,
            webhookAttempts,
            alertBooks, alertRules, alertLanguages, alerts, accountAlerts, openAlerts,
            notifications, alertNotifications, dueNotifications, begunNotifications,
            alertDigests, nodeBackups, contactLanguages, authorities, accountAuthorities, tokenKeys,
            revocationLists, revokedCertificates, authorityRules,
            pinnings, pins,
            desiredStates, firmware, firmwareOffers, campaigns, campaignProgress, openCampaigns,
            campaignTurns, campaignDevices, campaignStates,
        ]
    }
}

private protocol DigestedTable {
    func digest(in transaction: borrowing ReadTransaction) throws(StoreError) -> TableDigest
}

extension Table: DigestedTable {
    fileprivate func digest(
        in transaction: borrowing ReadTransaction
    ) throws(StoreError) -> TableDigest {
        var hash = SHA256()
        var records: UInt64 = 0
        // Many small records at once: a call for each costs more than its bytes.
        var waiting = ByteBuffer(capacity: 1 << 16)
        try scan(in: transaction) { (key, record) throws(StoreError) in
            waiting.append(UInt32(key.count))
            waiting.append(UInt32(record.count))
            waiting.append(key)
            waiting.append(record)
            records += 1
            if waiting.count >= 1 << 15 {
                hash.update(waiting.span)
                waiting.removeAll()
            }
            return .proceed
        }
        hash.update(waiting.span)
        return TableDigest(name: name, records: records, hash: hash.finalize().span.bytesArray)
    }
}

/// A checkpoint that a person has made: every node says what its books were behind it.
public struct BooksQuestion: Sendable {
    /// Where it is in the log.
    public let mark: LogMark
    let books: Books
    let snapshot: Snapshot

    /// The most that are named in an answer, and counted.
    private static let problemMaximum = 100

    /// Reads the whole store twice, in the snapshot that was taken behind the checkpoint; once. Checking the balance takes
    /// many times as long as hashing, seconds with 100,000 devices: for a thread that nothing waits for.
    ///
    /// - Parameter format: the store's.
    func digest(format: Int) throws(StoreError) -> BooksDigest {
        let (books, mark) = (books, mark)
        return try snapshot.read { (transaction) throws(StoreError) in
            guard try books.mark(in: transaction) == mark else {
                throw .malformed(what: "a snapshot of another moment")
            }
            let tables = try books.digests(in: transaction)
            let problems = books.verify(
                limit: Self.problemMaximum, format: format, in: transaction)
            return BooksDigest(mark: mark, tables: tables, problems: UInt64(problems.count))
        }
    }
}
