public import Storage

/// A webhook with its id, and how far it has got.
public struct Webhook: Hashable, Sendable {
    public let id: WebhookID
    public let record: WebhookRecord
    public let progress: WebhookProgressRecord
}

/// What the books say about webhooks.
extension Books {
    public func webhook(
        _ id: WebhookID,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> Webhook? {
        guard let record = try webhooks.get(id, in: transaction),
            let progress = try webhookProgress.get(id, in: transaction)
        else { return nil }
        return Webhook(id: id, record: record, progress: progress)
    }

    /// By id; with `accounts`, only theirs.
    public func webhooks(
        of accounts: [AccountID]? = nil,
        cursor: String? = nil,
        limit: Int,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> Page<Webhook> {
        let filter = accounts.map { $0.map(\.text).joined(separator: " ") } ?? "*"
        return try page(
            of: webhooks, filter: filter, reads: 2, cursor: cursor, limit: limit, in: transaction
        ) { (id, record) throws(StoreError) in
            if let accounts {
                guard let account = record.account, accounts.contains(account) else { return nil }
            }
            return try webhook(id, in: transaction)
        }
    }

    /// All of them: at most `webhooksMaximum`.
    public func allWebhooks(
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> [Webhook] {
        var found: [Webhook] = []
        try webhooks.forEach(in: transaction) { (id, record) throws(StoreError) in
            if let progress = try webhookProgress.get(id, in: transaction) {
                found.append(Webhook(id: id, record: record, progress: progress))
            }
            return .proceed
        }
        return found
    }

    /// How many there are.
    public func webhookCount(
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> Int {
        try webhooks.count(in: transaction)
    }

    /// The last attempts, the newest first, each with its number: at most `webhookAttemptsMaximum`.
    public func webhookAttempts(
        of id: WebhookID,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> [(number: UInt64, attempt: WebhookAttempt)] {
        var found: [(UInt64, WebhookAttempt)] = []
        try webhookAttempts.forEach(in: transaction, prefix: id, reversed: true) { key, record in
            found.append((key.second, record.attempt))
            return .proceed
        }
        return found
    }

    /// The same part by part.
    public func webhookAttempts(
        of id: WebhookID,
        cursor: String?,
        limit: Int,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> Page<(number: UInt64, attempt: WebhookAttempt)> {
        try page(
            of: webhookAttempts, prefix: id, reversed: true, cursor: cursor, limit: limit,
            in: transaction
        ) { (key, record) throws(StoreError) in (key.second, record.attempt) }
    }

    /// Which node sends a webhook's events: the owner of one of the partitions, by a hash of the id. `nil` in books
    /// that are no cluster's, or before a node owns anything.
    public func owner(
        of webhook: WebhookID,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> NodeName? {
        guard let table = try partitions(in: transaction) else { return nil }
        // The offset basis and prime of the FNV reference (draft-eastlake-fnv, 64 bits).
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in webhook.text.utf8 { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01b3 }
        return table.owner(of: Int(hash % UInt64(PartitionTable.partitionCount)))
    }
}

/// Whom an event is shown to.
public struct EventScope: Hashable, Sendable {
    /// Whose it is; `nil`: the gateway's, and shown to those alone who may see everything.
    public let account: AccountID?

    /// Of a sub-account: its parent, who sees it, too.
    public let parent: AccountID?

    /// Whether that account may see it.
    public func isSeen(by other: AccountID) -> Bool { other == account || other == parent }
}

extension Books {
    /// Whom an event is shown to, by whose account, product, device, key or webhook it is about.
    public func scope(
        of change: Change,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> EventScope {
        let account: AccountID? =
            switch change.subject {
            case .gateway: nil
            case .account(let account): account
            case .product(let product): try products.get(product, in: transaction)?.account
            case .key(let key): try keys.get(key, in: transaction)?.account
            }
        guard let account else { return EventScope(account: nil, parent: nil) }
        return EventScope(
            account: account, parent: try accounts.get(account, in: transaction)?.parent)
    }
}
