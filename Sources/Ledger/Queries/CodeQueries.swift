public import Storage

/// An account's unassigned codes of a package.
public struct Assignable: Hashable, Sendable {
    public let package: PackageID
    public let allowance: Allowance
    public let quantity: UInt64
}

extension [Assignable] {
    /// How many of them can be assigned to one product, by one assignment or several: those of one
    /// allowance, the one that most are of (rule A6).
    public var mostTogether: UInt64 {
        var sums: [Allowance: UInt64] = [:]
        for part in self { sums[part.allowance, default: 0] += part.quantity }
        return sums.values.max() ?? 0
    }
}

/// An entry of the assignment history (rule A3).
public struct Assignment: Hashable, Sendable {
    /// Number of its event.
    public let sequence: UInt64
    public let account: AccountID
    public let record: AssignmentRecord

    /// The product's name as it is now.
    public let productName: String
}

extension ProductRecord {
    /// Whether `part` occurs in its name, or in one that it had.
    func wasCalled(_ part: String) -> Bool {
        name.holds(part) || formerNames.contains { $0.holds(part) }
    }
}

/// A batch of codes, with its place in the books.
public struct Purchase: Hashable, Sendable {
    /// The first of its codes; the others follow it.
    public let first: ActivationCode
    public let record: BatchRecord
}

/// Rule A3: the history of assignments.
extension Books {
    /// The account's assignments, newest first; with `matching`, those of the product of that key and
    /// of products whose name, or a former one, contains it (rule A3).
    ///
    /// The products that it matches are asked one by one, each in its own index, and merged; only
    /// when the account has too many for that, all of its assignments are walked.
    public func assignments(
        of account: AccountID,
        matching: String? = nil,
        cursor: String? = nil,
        limit: Int,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> Page<Assignment> {
        if let matching,
            let products = try candidates(
                for: ActivationFilter(accounts: [account]), evenIfDeleted: true, in: transaction)
        {
            let wanted = products.filter {
                $0.key.text == matching || $0.record.wasCalled(matching)
            }
            return try merge(wanted, account, matching, cursor, limit, in: transaction)
        }
        return try page(
            of: assignments,
            prefix: account,
            reversed: true,
            filter: matching ?? "",
            reads: 2,
            cursor: cursor,
            limit: limit,
            in: transaction
        ) { (key, record) throws(StoreError) in
            let product = try products.get(record.product, in: transaction)
            if let matching, matching != record.product.text,
                product?.wasCalled(matching) != true
            {
                return nil
            }
            return Assignment(
                sequence: key.second,
                account: account,
                record: record,
                productName: product?.name ?? ""
            )
        }
    }

    /// The assignments to some products of the account; the cursor is the same as without an index.
    private func merge(
        _ products: [(key: ProductKey, record: ProductRecord)],
        _ account: AccountID,
        _ matching: String,
        _ cursor: String?,
        _ limit: Int,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> Page<Assignment> {
        let list = ListMark(assignments.name, filter: matching).within(account)
        var builder = PageBuilder<KeyPair<AccountID, UInt64>, Assignment>(
            list, limit: limit, reads: readsPerPage)
        var last: KeyPair<AccountID, UInt64>?
        if let cursor { last = try PageCursor.key(at: cursor, of: list) }
        var merge = Merge<Int, UInt64, Void>(orderedBy: >)
        func add(_ index: Int, before sequence: UInt64?) throws(StoreError) {
            let key = products[index].key
            try productAssignments.forEach(
                in: transaction,
                prefix: key,
                to: sequence.map { .excluding(KeyPair(key, $0)) } ?? .unbounded,
                reversed: true,
                limit: 1
            ) { place, _ in
                merge.add(.init(source: index, position: place.second, value: ()))
                return .stop
            }
        }
        for index in products.indices { try add(index, before: last?.second) }
        while let head = merge.first, builder.hasRoom() {
            let place = KeyPair(account, head.position)
            let record = try assignments.get(place, in: transaction)
            let found = record.map {
                Assignment(
                    sequence: head.position,
                    account: account,
                    record: $0,
                    productName: products[head.source].record.name
                )
            }
            builder.take(found, at: place, reads: 2)
            merge.removeFirst()
            try add(head.source, before: head.position)
        }
        return builder.page
    }
}

/// What the books say about codes: how they came, where they went.
extension Books {
    /// The account's batches of codes, oldest first.
    public func purchases(
        of account: AccountID,
        cursor: String? = nil,
        limit: Int,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> Page<Purchase> {
        try page(
            of: purchases, prefix: account, reads: 2, cursor: cursor, limit: limit, in: transaction
        ) { (key, _) throws(StoreError) in
            try batches.get(key.second, in: transaction)
                .map { Purchase(first: ActivationCode(serial: key.second), record: $0) }
        }
    }

    /// The batch that a code came with (rule A9); `nil` when there is no such code.
    public func purchase(
        of code: ActivationCode,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> Purchase? {
        var found: Purchase?
        try batches.forEach(
            in: transaction,
            to: .including(code.serial),
            reversed: true,
            limit: 1
        ) { first, record in
            if code.serial - first < record.quantity {
                found = Purchase(first: ActivationCode(serial: first), record: record)
            }
            return .stop
        }
        return found
    }

    /// The codes that can be assigned to the product (rule A6): those of its allowance, or, before
    /// it has one, any. Empty when there are none, or no such product.
    public func assignable(
        to key: ProductKey,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> [Assignable] {
        guard let product = try existing(key, in: transaction) else { return [] }
        var found: [Assignable] = []
        for part in try unassignedCodes(of: product.account, in: transaction) {
            let hasBought = try hasBought(part.package, product.account, in: transaction)
            if product.takes(part.allowance, from: hasBought ? .purchase : .grant) {
                found.append(part)
            }
        }
        return found
    }

    /// The account's unassigned codes, by package.
    func unassignedCodes(
        of account: AccountID,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> [Assignable] {
        var found: [Assignable] = []
        try holdings.forEach(in: transaction, prefix: account) {
            (key, holding) throws(StoreError) in
            guard holding.unassigned > 0 else { return .proceed }
            guard let allowance = try packages.get(key.second, in: transaction)?.allowance else {
                throw .malformed(what: "codes of package \(key.second), which is not there")
            }
            found.append(
                Assignable(
                    package: key.second, allowance: allowance, quantity: holding.unassigned))
            return .proceed
        }
        return found
    }

    /// Whether a bought code is among the account's unassigned ones of the package.
    private func hasBought(
        _ package: PackageID,
        _ account: AccountID,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> Bool {
        var isFound = false
        try unassigned.forEach(in: transaction, prefix: KeyPair(account, package)) {
            (key, _) throws(StoreError) in
            let code = ActivationCode(serial: key.third)
            isFound = try purchase(of: code, in: transaction)?.record.source == .purchase
            return isFound ? .stop : .proceed
        }
        return isFound
    }
}
