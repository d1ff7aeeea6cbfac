import Storage
import Time

/// Webhooks: where events go by HTTP as they happen (rule E4).
extension Books {
    /// Of one account; and of those that are for all accounts.
    public static var webhooksOfAccountMaximum: Int { 20 }

    /// Of all accounts together.
    public static var webhooksMaximum: Int { 1_000 }

    /// Kinds of events that one webhook names.
    public static var webhookKindsMaximum: Int { 100 }

    /// Attempts that are kept of one webhook.
    public static var webhookAttemptsMaximum: Int { 100 }

    func carryOut(
        _ action: WebhookAction,
        _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Outcome {
        switch action {
        case .create(let webhook): try create(webhook, command, in: transaction)
        case .update(let id, let update): try self.update(id, update, command, in: transaction)
        case .rotateSecret(let id, let secret, let overlap):
            try rotate(id, secret, overlap, command, in: transaction)
        case .delete(let id): try deleteWebhook(id, command, in: transaction)
        case .report(let reports): try take(reports, in: transaction)
        }
    }

    private func create(
        _ webhook: NewWebhook,
        _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Outcome {
        if let refusal = Self.refusal(ofName: webhook.name) { return .refused(refusal) }
        if let refusal = Self.refusal(ofKinds: webhook.kinds) { return .refused(refusal) }
        if try webhooks.contains(webhook.id, in: transaction) {
            return .refused(.commands(.alreadyExists(what: "webhook \(webhook.id)")))
        }
        if let account = webhook.account, try !accounts.contains(account, in: transaction) {
            return .refused(.accounts(.unknown(account)))
        }
        var (all, ofAccount) = (0, 0)
        try webhooks.forEach(in: transaction) { _, other in
            all += 1
            if other.account == webhook.account { ofAccount += 1 }
            return .proceed
        }
        for (count, maximum) in [
            (ofAccount, Self.webhooksOfAccountMaximum), (all, Self.webhooksMaximum),
        ] where count >= maximum {
            return .refused(.webhooks(.tooMany(maximum: UInt32(maximum))))
        }
        let record = WebhookRecord(webhook, createdAt: command.at)
        try webhooks.put(webhook.id, record, in: transaction)
        let effect = try self.record(
            .webhooks(.created(webhook.id, account: webhook.account)), command, in: transaction)
        let sequence = try head(in: transaction).lastSequence
        try webhookProgress.put(
            webhook.id, WebhookProgressRecord(sequence: sequence), in: transaction)
        return .done(effect)
    }

    private func update(
        _ id: WebhookID,
        _ update: WebhookUpdate,
        _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Outcome {
        if let name = update.name, let refusal = Self.refusal(ofName: name) {
            return .refused(refusal)
        }
        if let kinds = update.kinds, let refusal = Self.refusal(ofKinds: kinds) {
            return .refused(refusal)
        }
        guard let old = try webhooks.get(id, in: transaction) else {
            return .refused(.webhooks(.unknown(id)))
        }
        var new = old
        if let name = update.name { new.name = name }
        if let url = update.url { new.url = url }
        if let kinds = update.kinds { new.kinds = kinds }
        if let isOn = update.isOn { new.isOn = isOn }
        var progress = try progress(of: id, in: transaction)
        let waits = progress.failures > 0 || progress.retryAt != nil
        if new == old, !update.skips, !waits { return .done(.unchanged) }
        try webhooks.put(id, new, in: transaction)
        let change = Change.webhooks(.updated(id, account: new.account, isOn: new.isOn))
        let effect = try record(change, command, in: transaction)
        if update.skips { progress.sequence = try head(in: transaction).lastSequence }
        // Somebody has seen to it: what failed is tried at once, and as often as a new event is.
        progress.failures = 0
        progress.retryAt = nil
        try webhookProgress.put(id, progress, in: transaction)
        return .done(effect)
    }

    private func rotate(
        _ id: WebhookID,
        _ secret: SealedSecret,
        _ overlapMilliseconds: UInt64,
        _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Outcome {
        if let refusal = Self.refusal(ofOverlap: overlapMilliseconds) { return .refused(refusal) }
        guard var webhook = try webhooks.get(id, in: transaction) else {
            return .refused(.webhooks(.unknown(id)))
        }
        let until = command.at.adding(milliseconds: Int64(clamping: overlapMilliseconds))
        webhook.formerSecret = overlapMilliseconds == 0 ? nil : webhook.secret
        webhook.formerUntil = overlapMilliseconds == 0 ? nil : until
        webhook.secret = secret
        try webhooks.put(id, webhook, in: transaction)
        let change = Change.webhooks(.secretRotated(id, account: webhook.account, until: until))
        return .done(try record(change, command, in: transaction))
    }

    private func deleteWebhook(
        _ id: WebhookID,
        _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Outcome {
        guard let webhook = try webhooks.get(id, in: transaction) else {
            return .refused(.webhooks(.unknown(id)))
        }
        var attempts: [KeyPair<WebhookID, UInt64>] = []
        try webhookAttempts.forEach(in: transaction, prefix: id) { key, _ in
            attempts.append(key)
            return .proceed
        }
        for key in attempts { try webhookAttempts.delete(key, in: transaction) }
        try webhookProgress.delete(id, in: transaction)
        try webhooks.delete(id, in: transaction)
        let change = Change.webhooks(.deleted(id, account: webhook.account))
        return .done(try record(change, command, in: transaction))
    }

    /// A webhook may be deleted, or its events passed over, while a report of it is under way: progress
    /// never goes back.
    private func take(
        _ reports: [WebhookReport], in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Outcome {
        let last = try head(in: transaction).lastSequence
        for report in reports {
            guard try webhooks.contains(report.id, in: transaction) else { continue }
            var progress = try progress(of: report.id, in: transaction)
            if report.sequence >= progress.sequence {
                progress.sequence = min(report.sequence, last)
                progress.failures = report.failures
                progress.retryAt = report.retryAt
            }
            for attempt in report.attempts.suffix(Self.webhookAttemptsMaximum) {
                progress.attempts += 1
                try webhookAttempts.put(
                    KeyPair(report.id, progress.attempts), WebhookAttemptRecord(attempt: attempt),
                    in: transaction)
                let kept = UInt64(Self.webhookAttemptsMaximum)
                guard progress.attempts > kept else { continue }
                try webhookAttempts.delete(
                    KeyPair(report.id, progress.attempts - kept), in: transaction)
            }
            try webhookProgress.put(report.id, progress, in: transaction)
        }
        return .done(.unchanged)
    }

    private func progress(
        of id: WebhookID, in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> WebhookProgressRecord {
        guard let progress = try webhookProgress.get(id, in: transaction) else {
            throw .malformed(what: "webhook \(id) has no progress")
        }
        return progress
    }

    private static func refusal(ofKinds kinds: [EventKind]) -> Refusal? {
        refusal(ofCount: kinds.count, upTo: webhookKindsMaximum)
    }
}
