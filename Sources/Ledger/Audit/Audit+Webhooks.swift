import Storage

/// Webhooks: those that the log has left, each with what it refers to and how far it has got.
extension Audit {
    mutating func checkWebhooks(
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) {
        var left = log.webhooks
        let last = try find { () throws(StoreError) in
            try books.head(in: transaction).lastSequence
        }
        try read(books.webhooks, in: transaction) { (audit, id, webhook) throws(StoreError) in
            audit.expect(left.remove(id) != nil, "table webhooks: the log has not left \(id)")
            if let account = webhook.account {
                let isThere = try audit.books.accounts.contains(account, in: transaction)
                audit.expect(isThere, "webhook \(id) is of account \(account), which is not there")
            }
            let progress = try audit.get(id, of: audit.books.webhookProgress, in: transaction)
            audit.expect(
                progress.map { $0.sequence <= last ?? .max } ?? false,
                "webhook \(id) is behind no event, or behind one that is not there")
        }
        for id in left.sorted() { expect(false, "webhook \(id) is not there") }
        try expectCount(of: books.webhookProgress, log.webhooks.count, in: transaction) {
            (audit, id, _) in audit.log.webhooks.contains(id)
        }
        var counts: [WebhookID: UInt64] = [:]
        try read(books.webhookAttempts, in: transaction) { (audit, key, _) throws(StoreError) in
            let progress = try audit.get(
                key.first, of: audit.books.webhookProgress, in: transaction)
            let newest = progress?.attempts ?? 0
            counts[key.first, default: 0] += 1
            audit.expect(
                key.second <= newest
                    && key.second + UInt64(Books.webhookAttemptsMaximum) > newest,
                "attempt \(key.second) of webhook \(key.first) is not one of its last")
        }
        try read(books.webhookProgress, in: transaction) { audit, id, progress in
            audit.expectEqual(
                counts[id] ?? 0, min(progress.attempts, UInt64(Books.webhookAttemptsMaximum)),
                "attempts of webhook \(id) that are kept")
        }
    }
}
