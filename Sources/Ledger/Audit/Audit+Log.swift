import Storage

/// Rule E3: the log has no gap, its last number is the stored one, and what it says was made is there.
extension Audit {
    mutating func checkLog(
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) {
        var last: UInt64 = 0
        try read(books.events, in: transaction) { (audit, sequence, event) throws(StoreError) in
            audit.expectEqual(sequence, last &+ 1, "the event log has a gap")
            audit.expectEqual(event.sequence, sequence, "an event's number is not its key")
            last = sequence
            audit.log.count(event.change)
            try audit.check(event.change, "event \(sequence)", sequence, in: transaction)
        }
        var stored = BooksRecord(lastSequence: 0, nextSerial: 1)
        try read(books.books, in: transaction) { audit, key, record in
            audit.expectEqual(key, Books.headKey, "the key of the record of the books as a whole")
            stored = record
        }
        expectEqual(
            stored.lastSequence, last, "the stored last sequence number against the log's")
        log.nextSerial = stored.nextSerial
    }

    /// Names the records that the log has not made, when there are another number of them than it has;
    /// that all it has made are there is found while it is read.
    ///
    /// - Parameter made: the keys that a change has made.
    mutating func expectMade<Key: StorageKey & Hashable, Record: StorageRecord>(
        _ table: Table<Key, Record>,
        _ count: Int,
        in transaction: borrowing some Transaction & ~Copyable,
        _ made: (Change) -> [Key],
        where isCounted: (Record) -> Bool = { _ in true }
    ) throws(StoreError) {
        var found = 0
        try read(table, in: transaction) { _, _, record in
            if isCounted(record) { found += 1 }
        }
        expectEqual(found, count, "records in table \(table.name) against what the log has made")
        if found == count { return }
        var keys: Set<Key> = []
        try read(books.events, in: transaction) { _, _, event in
            keys.formUnion(made(event.change))
        }
        try read(table, in: transaction) { audit, key, record in
            if isCounted(record) {
                audit.expect(keys.contains(key), "table \(table.name): the log has not made \(key)")
            }
        }
    }

    /// Whether there is what a change has made.
    ///
    /// - Parameter sequence: the number of its event, when it is read from that.
    private mutating func check(
        _ change: Change,
        _ source: @autoclosure () -> String,
        _ sequence: UInt64?,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) {
        switch change {
        case .accountCreated(let id, let kind, let parent):
            let record = try get(id, of: books.accounts, in: transaction)
            expect(
                record != nil && record?.parent == parent
                    && (record?.kind == kind || record?.certifiedAt != nil),
                "\(source()): account \(id) is not as it was created")
        case .account(.certified(let id)):
            let record = try get(id, of: books.accounts, in: transaction)
            expect(record?.certifiedAt != nil, "\(source()): account \(id) is not certified")
        case .packageCreated(let id, let allowance):
            let record = try get(id, of: books.packages, in: transaction)
            expect(
                record?.allowance == allowance,
                "\(source()): package \(id) is not as it was created")
        case .productCreated(let key, let account):
            let record = try get(key, of: books.products, in: transaction)
            expect(
                record?.account == account, "\(source()): product \(key) is not as it was created")
        case .productDeleted(let key, _):
            let record = try get(key, of: books.products, in: transaction)
            expect(record?.isDeleted == true, "\(source()): product \(key) is not deleted")
        case .keyCreated(let id, let role):
            let record = try get(id, of: books.keys, in: transaction)
            expect(record?.role == role, "\(source()): key \(id) is not as it was created")
        case .keyRevoked(let id):
            let record = try get(id, of: books.keys, in: transaction)
            expect(record?.revokedAt != nil, "\(source()): key \(id) is not revoked")
        case .sealingKeysAdopted(let numbers):
            for number in numbers {
                let record = try get(UInt32(number), of: books.sealingKeys, in: transaction)
                expect(record != nil, "\(source()): sealing key \(number) is not there")
            }
        case .codesBought(let account, let package, let quantity, let product, let first),
            .codesGranted(let account, let package, let quantity, let product, let first):
            var origin = CodeSource.grant
            if case .codesBought = change { origin = .purchase }
            let batch = try get(first.serial, of: books.batches, in: transaction)
            expect(
                batch?.account == account && batch?.package == package && batch?.source == origin
                    && batch?.quantity == quantity && batch?.product == product
                    && (sequence == nil || batch?.sequence == sequence),
                "\(source()): batch \(first) is not as it was bought or granted")
        case .codesAssigned(let account, let product, let package, let quantity):
            guard let sequence else { return }
            let record = try get(
                KeyPair(account, sequence), of: books.assignments, in: transaction)
            expect(
                record?.product == product && record?.package == package
                    && record?.quantity == quantity,
                "\(source()): the assignment to \(product) is not in the history as it was")
            let isListed = try books.productAssignments.contains(
                KeyPair(product, sequence), in: transaction)
            expect(isListed, "\(source()): the assignment is not found by product \(product)")
        case .deviceActivated(let identity, let entitlement, let dataCentre):
            let place = KeyTriple(
                identity.product, entitlement.activatedAt, entitlement.code.serial)
            let record = try get(place, of: books.consumptions, in: transaction)
            expect(
                record.map { Books.activation(at: place, $0) }
                    == Activation(
                        identity: identity, entitlement: entitlement, dataCentre: dataCentre),
                "\(source()): the activation of \(identity) is not in the history as it was")
        case .upgrade(let change):
            guard let sequence, case .requested = change.entry else { return }
            let place = KeyPair(change.identity, change.id)
            let record = try get(place, of: books.upgrades, in: transaction)
            expect(
                record?.sequence == sequence,
                "\(source()): upgrade \(change.id) of \(change.identity) is not there")
        case .account(.updated), .account(.contactPut), .account(.contactRemoved), .productUpdated,
            .packageUpgraded, .devicesImported, .importBegun, .importAbandoned, .deviceRegistered,
            .entitlementReopened, .entitlementEnded, .deviceDisabled, .deviceDeleted,
            .deviceRenewalSet, .secretReset, .secretConfirmed, .topUp:
            // A later change may have written over it, or its own tables are held against the log.
            return
        }
    }

    /// Answers to idempotency keys: what they say was done is there.
    mutating func checkAnswers(
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) {
        try read(books.answers, in: transaction) { (audit, key, answer) throws(StoreError) in
            guard case .changed(let change)? = answer.outcome.effect else { return }
            try audit.check(
                change, "the answer to \(key.first)'s key \(key.second)", nil, in: transaction)
        }
    }
}

extension LogTally {
    fileprivate mutating func count(_ change: Change) {
        switch change {
        case .accountCreated: accounts += 1
        case .packageCreated: packages += 1
        case .productCreated: products += 1
        case .productDeleted: deletedProducts += 1
        case .account(.contactPut(let id, let contact)):
            contacts[KeyPair(id, contact.email)] = contact.name
        case .account(.contactRemoved(let id, let email)): contacts[KeyPair(id, email)] = nil
        case .codesBought, .codesGranted: batches += 1
        case .codesAssigned: assignments += 1
        case .deviceActivated: activations += 1
        case .importBegun: imports += 1
        case .devicesImported(_, let count, .some):
            committedImports += 1
            importedRows &+= UInt64(count)
        case .keyCreated: keys += 1
        case .keyRevoked: revokedKeys += 1
        case .sealingKeysAdopted(let numbers): sealingKeys += numbers.count
        case .upgrade(let change):
            if case .requested = change.entry { upgrades += 1 }
        case .account(.updated), .account(.certified), .productUpdated, .packageUpgraded,
            .devicesImported(_, _, .none), .importAbandoned, .deviceRegistered,
            .entitlementReopened,
            .entitlementEnded, .deviceDisabled, .deviceDeleted, .deviceRenewalSet, .secretReset,
            .secretConfirmed, .topUp:
            break
        }
    }
}

/// How many of each thing the log has made, and what is stored about the books as a whole.
struct LogTally {
    /// Whom the log has left on the lists of contacts, with their names: as many as there are.
    var contacts: [KeyPair<AccountID, EmailAddress>: String] = [:]
    var nextSerial: UInt64 = 1
    var accounts = 0
    var packages = 0
    var products = 0
    var deletedProducts = 0
    var batches = 0
    var assignments = 0
    var activations = 0
    var keys = 0
    var revokedKeys = 0
    var sealingKeys = 0
    var upgrades = 0

    /// Imports in chunks: begun, committed, and the rows of those.
    var imports = 0
    var committedImports = 0
    var importedRows: UInt64 = 0
}
