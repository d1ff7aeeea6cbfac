import Storage
import Time

/// Messages about alerts: to whom, and what became of them (rule E1).
extension Books {
    /// Messages that are kept, of all accounts: the oldest is forgotten, sent or not, when one more comes.
    public static var notificationsMaximum: UInt64 { 100_000 }

    /// In one command.
    public static var notificationsInCommandMaximum: Int { 100 }

    /// A gateway that says nothing of a message for so long has lost it: another one may send it.
    public static var notificationTakeoverMilliseconds: Int64 { 600_000 }

    /// To the account, or to its parent when it has no address, and to the contacts; to none when the gateway has no
    /// mail server.
    func notify(
        of number: UInt64, _ place: AlertPlace, isResolution: Bool,
        operators: [AlertRecipient] = [], _ whole: inout AlertsRecord, _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) {
        guard whole.settings.mails else { return }
        var recipients = operators
        if let account = place.account {
            recipients = try alertRecipients(of: account, in: transaction)
        }
        for recipient in recipients {
            whole.lastNotification += 1
            let id = whole.lastNotification
            let notification = NotificationRecord(
                alert: number, account: place.account, isResolution: isResolution,
                recipient: recipient.email, language: recipient.language, createdAt: command.at)
            try notifications.put(id, notification, in: transaction)
            try alertNotifications.put(KeyPair(number, id), EmptyRecord(), in: transaction)
            try dueNotifications.put(
                KeyPair(notification.nextAt, id), EmptyRecord(), in: transaction)
            guard id > Self.notificationsMaximum else { continue }
            try forget(id - Self.notificationsMaximum, in: transaction)
        }
    }

    private func forget(
        _ id: UInt64, in transaction: borrowing WriteTransaction
    ) throws(StoreError) {
        guard let old = try notifications.get(id, in: transaction) else { return }
        try notifications.delete(id, in: transaction)
        try begunNotifications.delete(id, in: transaction)
        try alertNotifications.delete(KeyPair(old.alert, id), in: transaction)
        if old.isDue { try dueNotifications.delete(KeyPair(old.nextAt, id), in: transaction) }
    }

    /// Those that are due, and those that an earlier run of the same node, or a node that was not heard of for long,
    /// has begun.
    func begin(
        _ ids: [UInt64], _ run: GatewayRun, _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Outcome {
        if let refusal = Self.refusal(
            ofCount: ids.count, upTo: Self.notificationsInCommandMaximum)
        {
            return .refused(refusal)
        }
        for id in ids {
            guard let old = try notifications.get(id, in: transaction),
                old.mayBegin(at: command.at, in: run)
            else { continue }
            var new = old
            if old.state == .underWay { new.unknownOutcomes += 1 }
            new.state = .underWay
            new.run = run
            new.attempts += 1
            new.nextAt = command.at.adding(
                milliseconds: Self.notificationTakeoverMilliseconds)
            try replace(old, with: new, id, in: transaction)
        }
        return .done(.unchanged)
    }

    func take(
        _ reports: [NotificationReport], _ run: GatewayRun, _ command: Command,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Outcome {
        if let refusal = Self.refusal(
            ofCount: reports.count, upTo: Self.notificationsInCommandMaximum)
        {
            return .refused(refusal)
        }
        for report in reports {
            guard let old = try notifications.get(report.id, in: transaction),
                old.state == .underWay, old.run == run
            else { continue }
            var new = old
            new.run = nil
            new.state = report.state
            new.status = report.status
            new.answer = report.answer
            switch report.state {
            case .waiting, .underWay:
                new.state = .waiting
                new.failures += 1
                new.nextAt = report.nextAt
            case .sent: new.endedAt = command.at
            case .givenUp:
                new.failures += 1
                new.endedAt = command.at
            }
            try replace(old, with: new, report.id, in: transaction)
        }
        return .done(.unchanged)
    }

    func retry(
        _ id: UInt64, _ command: Command, in transaction: borrowing WriteTransaction
    ) throws(StoreError) -> Outcome {
        guard let old = try notifications.get(id, in: transaction) else {
            return .refused(.alerts(.unknownNotification(id)))
        }
        guard old.state == .givenUp else { return .refused(.alerts(.notGivenUp(id))) }
        var new = old
        new.state = .waiting
        new.failures = 0
        new.nextAt = command.at
        new.endedAt = nil
        try replace(old, with: new, id, in: transaction)
        return .done(
            try record(
                .alerts(.notificationRetried(id, account: old.account)), command,
                in: transaction))
    }

    /// Writes it, and where it stands among those that are due.
    private func replace(
        _ old: NotificationRecord, with new: NotificationRecord, _ id: UInt64,
        in transaction: borrowing WriteTransaction
    ) throws(StoreError) {
        try notifications.put(id, new, in: transaction)
        if old.isDue { try dueNotifications.delete(KeyPair(old.nextAt, id), in: transaction) }
        if new.isDue {
            try dueNotifications.put(KeyPair(new.nextAt, id), EmptyRecord(), in: transaction)
        }
        if new.state == .underWay {
            try begunNotifications.put(id, EmptyRecord(), in: transaction)
        } else {
            try begunNotifications.delete(id, in: transaction)
        }
    }
}

extension NotificationRecord {
    /// Whether that run may send it now.
    func mayBegin(at time: Timestamp, in run: GatewayRun) -> Bool {
        switch state {
        case .waiting: nextAt <= time
        case .underWay: nextAt <= time || self.run.map(run.isAnother) ?? true
        case .sent, .givenUp: false
        }
    }
}
