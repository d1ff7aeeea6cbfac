public import Storage

/// Whose events a reader of the log sees (rule E3).
public struct EventReach: Hashable, Sendable {
    /// Those of these accounts; `nil`: of all.
    public let accounts: [AccountID]?

    /// Of these products alone, and nothing that is an account's own; `nil`: all that is the accounts'.
    public let products: [ProductKey]?

    /// - Parameters:
    ///   - accounts: an account and its sub-accounts.
    ///   - products: which of theirs, or of all accounts'.
    public init(accounts: [AccountID]?, products: [ProductKey]?) {
        self.accounts = accounts
        self.products = products
    }

    /// The gateway's own events, too.
    public static let all = EventReach(accounts: nil, products: nil)

    fileprivate func reaches(_ account: AccountID) -> Bool { accounts?.contains(account) ?? true }

    /// Two that differ have two texts.
    fileprivate var text: String {
        func list(_ names: [String]?) -> String {
            names.map { "[\($0.joined(separator: ","))]" } ?? "*"
        }
        return "\(list(accounts?.map(\.text)))|\(list(products?.map(\.text)))"
    }
}

/// Which events are asked for, of those within reach; what is `nil` does not matter.
public struct EventFilter: Hashable, Sendable {
    public let kind: EventKind?

    /// What is that account's own, and what is about its products and devices; nothing of its sub-accounts.
    public let account: AccountID?

    /// What is about that product and its devices.
    public let product: ProductKey?

    public init(
        kind: EventKind? = nil, account: AccountID? = nil, product: ProductKey? = nil
    ) {
        self.kind = kind
        self.account = account
        self.product = product
    }

    /// All events.
    public static let all = EventFilter()

    /// What account and product say, as those who reach no more than that would see it.
    fileprivate var reach: EventReach {
        EventReach(accounts: account.map { [$0] }, products: product.map { [$0] })
    }

    /// Two that differ have two texts.
    fileprivate var text: String {
        "?\(kind?.text ?? "")&\(account?.text ?? "")&\(product?.text ?? "")"
    }
}

/// What one change is about.
enum EventSubject {
    /// What all accounts have in common.
    case gateway
    case account(AccountID)
    case product(ProductKey)
    case key(KeyID)
}

extension Books {
    /// The log from behind `sequence` on, at most `limit` events (rule E3).
    public func events(
        after sequence: UInt64,
        limit: Int,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> [Event] {
        var found: [Event] = []
        try events.forEach(in: transaction, from: .excluding(sequence), limit: limit) { _, event in
            found.append(event)
            return .proceed
        }
        return found
    }

    /// Of at most `limit` events behind `sequence` those that are within reach and asked for, and the number of the last
    /// one that was looked at: `sequence` itself when there is none.
    public func events(
        after sequence: UInt64,
        limit: Int,
        within reach: EventReach,
        _ filter: EventFilter = .all,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> (events: [Event], last: UInt64) {
        let read = try events(after: sequence, limit: limit, in: transaction)
        var found: [Event] = []
        for event in read where try isMeant(event.change, filter, reach, in: transaction) {
            found.append(event)
        }
        return (found, read.last?.sequence ?? sequence)
    }

    /// The same in pages, the oldest or the newest first; `after`, the filter, the reach and the order are parts of the
    /// list's name. The log has no index but its numbers: what is not meant is read and passed over.
    public func events(
        after sequence: UInt64,
        within reach: EventReach = .all,
        _ filter: EventFilter = .all,
        newestFirst isNewestFirst: Bool = false,
        cursor: String?,
        limit: Int,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> Page<Event> {
        var name = String(sequence)
        if reach != .all { name += "|\(reach.text)" }
        if filter != .all { name += "|\(filter.text)" }
        if isNewestFirst { name += "|newest-first" }
        let readsSubjects = reach != .all || filter.reach != .all
        return try page(
            of: events, from: .excluding(sequence), reversed: isNewestFirst, filter: name,
            reads: readsSubjects ? 2 : 1, cursor: cursor, limit: limit, in: transaction
        ) { (_, event) throws(StoreError) in
            try isMeant(event.change, filter, reach, in: transaction) ? event : nil
        }
    }

    private func isMeant(
        _ change: Change,
        _ filter: EventFilter,
        _ reach: EventReach,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> Bool {
        if let kind = filter.kind, kind.text != change.name { return false }
        guard try isWithin(reach, change, in: transaction) else { return false }
        return try isWithin(filter.reach, change, in: transaction)
    }

    private func isWithin(
        _ reach: EventReach,
        _ change: Change,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> Bool {
        if reach == .all { return true }
        switch change.subject {
        case .gateway: return false
        case .account(let id): return reach.products == nil && reach.reaches(id)
        case .product(let key):
            guard reach.products?.contains(key) ?? true else { return false }
            guard reach.accounts != nil else { return true }
            return try products.get(key, in: transaction).map { reach.reaches($0.account) } ?? false
        case .key(let id):
            guard reach.products == nil, let account = try keys.get(id, in: transaction)?.account
            else { return false }
            return reach.reaches(account)
        }
    }
}

extension Change {
    /// Of what is about an account and one of its products, the product.
    var subject: EventSubject {
        switch self {
        case .accounts(let change): .account(change.account)
        case .codes(let change): change.subject
        case .products(let change): .product(change.product)
        case .productSecrets(let change): .product(change.product)
        case .imports(let change): .product(change.product)
        case .devices(let change): .product(change.identity.product)
        case .upgrades(let change): .product(change.identity.product)
        case .topUps(let change): .account(change.pack.account)
        case .corrections(let correction): correction.subject
        case .keys(.created(let id, _)), .keys(.revoked(let id)), .keys(.renamed(let id, _)):
            .key(id)
        case .metadata(let change): change.subject
        case .firmware(let change): .product(change.product)
        case .campaigns(let change): .product(change.product)
        case .webhooks(let change): change.account.map { .account($0) } ?? .gateway
        case .alerts(let change): change.subject
        case .authorities(let change): .account(change.account)
        case .keys(.sealingKeysAdopted), .packages, .clock, .limits, .cluster: .gateway
        }
    }
}

extension AccountChange {
    fileprivate var account: AccountID {
        switch self {
        case .created(let id, _, _), .updated(let id, _), .certified(let id),
            .contactPut(let id, _), .contactRemoved(let id, _):
            id
        }
    }
}

extension CodeChange {
    fileprivate var subject: EventSubject {
        switch self {
        case .bought(let account, _, _, let product, _),
            .granted(let account, _, _, let product, _):
            product.map(EventSubject.product) ?? .account(account)
        case .assigned(_, let product, _, _): .product(product)
        }
    }
}

extension ProductChange {
    fileprivate var product: ProductKey {
        switch self {
        case .created(let key, _), .updated(let key, _), .packageUpgraded(let key, _, _),
            .deleted(let key, _), .uplinkNamed(let key, _), .dialectSet(let key, _),
            .limitsSet(let key, _), .tokenKeyAdded(let key, _, _), .tokenKeyRemoved(let key, _),
            .stateCounted(let key, _), .uncountedSet(let key, _):
            key
        }
    }
}

extension ImportChange {
    fileprivate var product: ProductKey {
        switch self {
        case .imported(let key, _, _), .begun(let key), .abandoned(let key, _): key
        }
    }
}

extension AlertChange {
    fileprivate var subject: EventSubject {
        switch self {
        case .settingsAdopted: .gateway
        case .ruleSet(let account, _, _), .ruleReset(let account, _),
            .languageSet(let account, _), .contactLanguageSet(let account, _, _):
            .account(account)
        case .notificationRetried(_, let account): account.map(EventSubject.account) ?? .gateway
        case .fired(_, let place, _, _), .resolved(_, let place, _), .repeated(_, let place, _):
            place.subject.product.map(EventSubject.product)
                ?? place.account.map(EventSubject.account) ?? .gateway
        }
    }
}

extension MetadataChange {
    fileprivate var subject: EventSubject {
        switch self {
        case .merged(.account(let id), _): .account(id)
        case .merged(.product(let key), _): .product(key)
        case .merged(.device(let identity), _): .product(identity.product)
        }
    }
}

extension Correction {
    fileprivate var subject: EventSubject {
        switch entry {
        case .purchaseVoided(let account, _, _, _): .account(account)
        case .assignmentVoided(_, let product, _, _, _): .product(product)
        case .consumptionVoided(let identity, _), .entitlementMoved(let identity, _, _):
            .product(identity.product)
        case .topUpVoided(let pack, _): .account(pack.account)
        }
    }
}
