import Storage

/// Accounts, their contacts, packages and keys: as many as the log has made, each with what it refers to.
extension Audit {
    mutating func checkTenants(
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) {
        try checkAccounts(in: transaction)
        try checkContacts(in: transaction)
        try checkMetadata(in: transaction)
        try checkDesired(in: transaction)
        try checkKeys(in: transaction)
        try expectMade(books.packages, log.packages, in: transaction) { change in
            if case .packages(.created(let id, _)) = change { [id] } else { [] }
        }
        try expectMade(books.sealingKeys, log.sealingKeys, in: transaction) { change in
            if case .keys(.sealingKeysAdopted(let numbers)) = change {
                numbers.map { UInt32($0) }
            } else {
                []
            }
        }
    }

    /// A sub-account is in its parent's list, has a parent without one, and is what that one is.
    private mutating func checkAccounts(
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) {
        try expectMade(books.accounts, log.accounts, in: transaction) { change in
            if case .accounts(.created(let id, _, _)) = change { [id] } else { [] }
        }
        var children = 0
        let living = try countProducts(in: transaction)
        try read(books.accounts, in: transaction) { (audit, id, account) throws(StoreError) in
            audit.expect(
                account.certifiedAt == nil || account.kind == .enterprise,
                "account \(id) was certified and is no enterprise"
            )
            // Formats before 4 don't count them.
            audit.expectEqual(
                audit.format < 4 ? living[id] ?? 0 : account.products, living[id] ?? 0,
                "products of account \(id) and its sub-accounts")
            guard let parent = account.parent else { return }
            children += 1
            let record = try audit.get(parent, of: audit.books.accounts, in: transaction)
            audit.expect(
                record != nil && record?.parent == nil,
                "the parent of account \(id), \(parent), is a sub-account or not there"
            )
            audit.expect(
                record == nil || record?.kind == account.kind,
                "account \(id) is not of the kind that its parent \(parent) is"
            )
            let isListed = try audit.books.subAccounts.contains(
                KeyPair(parent, id), in: transaction)
            audit.expect(isListed, "account \(id) is not among the sub-accounts of \(parent)")
        }
        try expectCount(of: books.subAccounts, children, in: transaction) {
            (audit, key, _) throws(StoreError) in
            try audit.get(key.second, of: audit.books.accounts, in: transaction)?.parent
                == key.first
        }
    }

    /// By account, those of its sub-accounts among them; sub-accounts have none of their own.
    private mutating func countProducts(
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> [AccountID: UInt64] {
        var living: [AccountID: UInt64] = [:]
        try read(books.products, in: transaction) { (audit, _, product) throws(StoreError) in
            if product.isDeleted { return }
            let account = try audit.get(
                product.account, of: audit.books.accounts, in: transaction)
            living[account?.parent ?? product.account, default: 0] += 1
        }
        var limits: BooksLimits?
        try read(books.limits, in: transaction) { audit, key, record in
            audit.expectEqual(key, Books.limitsKey, "the key of the limits")
            limits = record.limits
        }
        expect(limits == log.limits, "the limits are not those that were adopted last")
        try read(books.registrations, in: transaction) { (audit, key, _) throws(StoreError) in
            let isThere = try audit.books.products.contains(key, in: transaction)
            audit.expect(isThere, "registrations of product \(key), which is not there")
        }
        return living
    }

    /// Rule E1: contacts are as the log has left them, and of accounts that are no sub-accounts.
    private mutating func checkContacts(
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) {
        var left = log.contacts
        try read(books.contacts, in: transaction) { (audit, key, contact) throws(StoreError) in
            audit.expect(
                left.removeValue(forKey: key) == contact.name,
                "contact \(key.second) of account \(key.first) is not as the log has left it"
            )
            let account = try audit.get(key.first, of: audit.books.accounts, in: transaction)
            audit.expect(
                account != nil && account?.parent == nil,
                "contacts are kept for \(key.first), which is a sub-account or not there"
            )
        }
        for key in left.keys.sorted(by: { "\($0)" < "\($1)" }) {
            expect(false, "contact \(key.second) of account \(key.first) is not there")
        }
        for (id, count) in Dictionary(grouping: log.contacts.keys, by: \.first).mapValues(\.count) {
            expect(
                count <= Books.contactMaximum,
                "account \(id) has \(count) contacts, over the limit"
            )
        }
    }

    /// Metadata is as the log has left it, of owners that are there.
    private mutating func checkMetadata(
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) {
        var left = log.metadata
        try read(books.metadata, in: transaction) { audit, owner, record in
            audit.expect(
                left.removeValue(forKey: owner) == record.metadata,
                "the metadata of \(owner) is not as the log has left it")
            let count = record.metadata.values.count
            audit.expect(
                (1...Metadata.countMaximum).contains(count),
                "the metadata of \(owner) has \(count) keys")
        }
        for owner in left.keys.sorted(by: { "\($0)" < "\($1)" }) {
            expect(false, "the metadata of \(owner) is not there")
        }
        if format >= Self.listsMetadata { try checkNoted(in: transaction) }
    }

    /// Since which format devices and products are listed by their metadata.
    private static var listsMetadata: Int { 15 }

    /// Each value of a device and a product is listed, and nothing else is.
    private mutating func checkNoted(
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) {
        let books = books
        var (devices, products) = (0, 0)
        try read(books.metadata, in: transaction) { (audit, owner, record) throws(StoreError) in
            for (key, value) in record.metadata.entries {
                let place = MetadataMatch(key: key, value: value).place
                let isListed: Bool
                switch owner {
                case .account: continue
                case .product(let product):
                    products += 1
                    // One that can't be read is named where products are looked at.
                    guard
                        let record = try audit.get(product, of: books.products, in: transaction)
                    else { continue }
                    isListed = try books.notedProducts.contains(
                        KeyTriple(place, record.account, product), in: transaction)
                case .device(let device):
                    devices += 1
                    isListed = try books.notedDevices.contains(
                        KeyTriple(device.product, place, device.device), in: transaction)
                }
                audit.expect(isListed, "\(owner) is not listed under its metadata \(key)")
            }
        }
        try read(books.notedDevices, in: transaction) { _, _, _ in devices -= 1 }
        try read(books.notedProducts, in: transaction) { _, _, _ in products -= 1 }
        expect(devices >= 0, "devices are listed under metadata that they don't have: \(-devices)")
        expect(
            products >= 0, "products are listed under metadata that they don't have: \(-products)")
    }

    /// What devices are to be has the version that the log has left it with.
    private mutating func checkDesired(
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) {
        var left = log.desired
        try read(books.desiredStates, in: transaction) { audit, identity, record in
            audit.expect(
                left.removeValue(forKey: identity) == record.state.version,
                "what \(identity) is to be has another version than the log has left it with")
        }
        for identity in left.keys.sorted(by: { "\($0)" < "\($1)" }) {
            expect(false, "what \(identity) is to be is not there")
        }
    }

    /// What a key is bound to exists.
    private mutating func checkKeys(
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) {
        var bound = 0
        try expectMade(books.keys, log.keys, in: transaction) { change in
            if case .keys(.created(let id, _)) = change { [id] } else { [] }
        }
        try expectMade(books.keys, log.revokedKeys, in: transaction) { change in
            if case .keys(.revoked(let id)) = change { [id] } else { [] }
        } where: {
            $0.revokedAt != nil
        }
        try read(books.keys, in: transaction) { (audit, id, key) throws(StoreError) in
            for product in key.products ?? [] {
                let isThere = try audit.books.products.contains(product, in: transaction)
                audit.expect(
                    isThere, "key \(id) is bound to product \(product), which is not there")
            }
            guard let account = key.account else { return }
            bound += 1
            let isThere = try audit.books.accounts.contains(account, in: transaction)
            audit.expect(isThere, "key \(id) is bound to account \(account), which is not there")
            let isListed = try audit.books.accountKeys.contains(
                KeyPair(account, id), in: transaction)
            audit.expect(isListed, "key \(id) is not among those of account \(account)")
        }
        try expectCount(of: books.accountKeys, bound, in: transaction) {
            (audit, key, _) throws(StoreError) in
            try audit.get(key.second, of: audit.books.keys, in: transaction)?.account == key.first
        }
    }
}

/// The accounts' totals are the sums of their products' pools (rules A1, A10 and B13).
extension Audit {
    mutating func checkTotals(
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) {
        var sums: [KeyPair<AccountID, DataCentreID>: AccountTotalRecord] = [:]
        try read(books.products, in: transaction) { (audit, key, product) throws(StoreError) in
            // A pool that is not there is named with its product.
            guard let pool = try audit.get(key, of: audit.books.pools, in: transaction) else {
                return
            }
            let place = KeyPair(product.account, product.dataCentre)
            var sum = sums[place] ?? AccountTotalRecord()
            sum.used &+= pool.consumed
            if !product.isDeleted { sum.remaining &+= pool.remaining }
            sums[place] = sum
        }
        sums = sums.filter { $0.value != AccountTotalRecord() }
        try read(books.accountTotals, in: transaction) { audit, place, total in
            let sum = sums.removeValue(forKey: place)
            let subject = "of account \(place.first) counted in \(place.second)"
            audit.expectEqual(total.used, sum?.used ?? 0, "used codes \(subject)")
            audit.expectEqual(total.remaining, sum?.remaining ?? 0, "remaining codes \(subject)")
            audit.expect(total != AccountTotalRecord(), "no codes \(subject) are in a record")
        }
        for place in sums.keys.sorted(by: { "\($0)" < "\($1)" }) {
            expect(false, "no codes of account \(place.first) are counted in \(place.second)")
        }
    }
}
