public import Storage

/// An account's unassigned codes of a package.
public struct Assignable: Hashable, Sendable {
    public let package: PackageID
    public let allowance: Allowance
    public var bought: UInt64
    public var free: UInt64

    public var quantity: UInt64 { bought + free }
}

extension [Assignable] {
    /// How many of them can be assigned to one product, by one assignment or several (rule A6): bought
    /// ones of one allowance, and free ones of one, each the one that most are of.
    public var mostTogether: UInt64 {
        func most(_ quantity: (Assignable) -> UInt64) -> UInt64 {
            var sums: [Allowance: UInt64] = [:]
            for part in self { sums[part.allowance, default: 0] += quantity(part) }
            return sums.values.max() ?? 0
        }
        return most(\.bought) + most(\.free)
    }

    /// Those of the allowance, the ones of the package itself first.
    func consistent(with package: PackageID, _ allowance: Allowance) -> [Assignable] {
        filter { $0.package == package }
            + filter { $0.package != package && $0.allowance == allowance }
    }

    /// What can be assigned to a product of `package` when no package is named: bought codes, and free ones
    /// behind them, of each kind only if all are of one allowance. Which of several a product without a package
    /// is to have, has to be said. Those of the package come first.
    func forOneProduct(first package: PackageID?) -> [Assignable] {
        func kind(_ quantity: WritableKeyPath<Assignable, UInt64>) -> [Assignable]? {
            var own = filter { $0[keyPath: quantity] > 0 }
            guard Set(own.map(\.allowance)).count <= 1 else { return nil }
            for index in own.indices {
                let codes = own[index][keyPath: quantity]
                (own[index].bought, own[index].free) = (0, 0)
                own[index][keyPath: quantity] = codes
            }
            return own.filter { $0.package == package } + own.filter { $0.package != package }
        }
        let bought = kind(\.bought)
        if bought == nil, package == nil { return [] }
        return (bought ?? []) + (kind(\.free) ?? [])
    }
}

/// Consecutive unassigned codes.
struct UnassignedRange {
    let first: UInt64
    let quantity: UInt64
    let source: CodeSource
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

    /// The codes that can be assigned to the product (rule A6): bought ones of its allowance and free ones
    /// of that of its free codes, or, before it has one, any. Empty when there are none, or no such product.
    public func assignable(
        to key: ProductKey,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> [Assignable] {
        guard let product = try existing(key, in: transaction) else { return [] }
        return try assignable(to: product, in: transaction)
    }

    func assignable(
        to product: ProductRecord,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> [Assignable] {
        var found: [Assignable] = []
        for var part in try unassignedCodes(of: product.account, in: transaction) {
            if !product.takesBought(part.allowance) { part.bought = 0 }
            if try !takesFree(part.allowance, product, in: transaction) { part.free = 0 }
            if part.quantity > 0 { found.append(part) }
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
            var part = Assignable(
                package: key.second, allowance: try allowance(of: key.second, in: transaction),
                bought: 0, free: 0)
            switch holding.source {
            case .purchase: part.bought = holding.unassigned
            case .grant: part.free = holding.unassigned
            case nil:
                try forEachUnassigned(of: account, key.second, in: transaction) { range in
                    switch range.source {
                    case .purchase: part.bought += range.quantity
                    case .grant: part.free += range.quantity
                    }
                    return .proceed
                }
            }
            found.append(part)
            return .proceed
        }
        return found
    }

    /// The account's unassigned codes of the package, in the order in which they came.
    func forEachUnassigned(
        of account: AccountID,
        _ package: PackageID,
        in transaction: borrowing some Transaction & ~Copyable,
        _ body: (UnassignedRange) -> Iteration
    ) throws(StoreError) {
        let all = try holding(of: account, package, in: transaction).source
        try unassigned.forEach(in: transaction, prefix: KeyPair(account, package)) {
            (key, range) throws(StoreError) in
            let code = ActivationCode(serial: key.third)
            var source = all
            if source == nil { source = try purchase(of: code, in: transaction)?.record.source }
            guard let source else { throw .malformed(what: "code \(code) is of no batch") }
            return body(
                UnassignedRange(first: key.third, quantity: range.quantity, source: source))
        }
    }
}

extension HoldingRecord {
    /// How all of the codes have come; `nil` when there are bought and free ones.
    fileprivate var source: CodeSource? {
        if granted == 0 { return .purchase }
        return bought == 0 ? .grant : nil
    }
}
