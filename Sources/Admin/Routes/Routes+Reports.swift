import Gateway
import Hummingbird
import Ledger
import Metering
import Time

/// What a month brought to an account.
extension Routes {
    mutating func registerReports() {
        on(
            .get, "accounts/:account/report", "showAccountReport",
            "What a month brought to an account, by product and in total: codes, devices, messages, OTA, alerts",
            access: .wholeAccounts,
            query: [
                Parameter("month", .month, "From the account's first one on; by default this one.")
            ],
            answers: .ok(Documents.accountReport), problems: [.tooMuchAtOnce]
        ) { call in
            let account = try call.account()
            guard let slot = call.server.reports.slot(for: call.principal.tenant) else {
                throw Problem.tooManyReports
            }
            let report = try await Self.report(of: account, call)
            withExtendedLifetime(slot) {}
            return .json(Documents.accountReport(report))
        }
    }

    /// The books are read part by part, each for some milliseconds. What is added meanwhile comes behind the events that
    /// are read.
    private static let eventsPerPart = 5_000
    private static let indexEntriesPerPart = 50_000

    private static func report(of account: AccountID, _ call: Call) async throws -> MonthReport {
        var report = try emptyReport(of: account, call)
        var read = try call.read { try $0.month(of: account, in: report.span, in: $1) }
        while !read.isRead {
            try Task.checkCancellation()
            try call.read { try $0.read(&read, limit: eventsPerPart, in: $1) }
            await Task.yield()
        }
        report.total.figures = read.own
        if report.isRunning {
            let figures = try call.read { try $0.figures(of: account, in: $1) }
            report.total.left = figures.remaining
            (report.total.known, report.total.active) = (0, 0)
        }
        var days: [Day: ProductDay] = [:]
        // A day without messages is one, if it has come.
        let today = Day(of: report.at, at: call.server.dayOffset)
        var day = report.month.days.lowerBound
        while day <= min(today, report.month.days.upperBound) {
            days[day] = ProductDay(day: day, used: 0)
            day = day.next
        }
        let keys = read.products.keys.sorted()
        // Each product's own days, by their dates.
        let usage = try await call.controlPlane.usage(of: keys, in: report.month.days)
        report.missing = usage.missing
        for key in keys {
            let own = usage.value[key] ?? []
            let found = try await product(
                key, read.products[key] ?? MonthFigures(), own, report, call)
            guard let found else { continue }
            report.add(found)
            for day in own { days[day.day] = day.adding(days[day.day]) }
        }
        report.days = days.values.sorted { $0.day < $1.day }
        report.packs = TopUpKind.allCases.map { ($0, read.packs[$0] ?? MonthOfPacks()) }
        report.mail = try await mail(report, call)
        return report
    }

    private static func emptyReport(of account: AccountID, _ call: Call) throws -> MonthReport {
        let (now, offset) = (call.controlPlane.now, call.server.dayOffset)
        let running = Month(of: now, at: offset)
        let month = try call.query("month") { Month($0) } ?? running
        let record = try call.read(or: .accounts(.unknown(account))) {
            try $0.account(account, in: $1)
        }
        let since = min(Month(of: record.createdAt, at: offset), running)
        guard month <= running else {
            throw Problem.notFound("month: \(month) has not begun; \(running) is running")
        }
        guard month >= since else {
            throw Problem.notFound(
                "month: account \(account) was made in \(since); there is nothing of \(month)")
        }
        return MonthReport(
            account: account, name: record.name, month: month, since: since,
            span: month.span(at: offset), isRunning: month == running, at: now)
    }

    /// `nil` of one that was deleted before, and has nothing in the month.
    private static func product(
        _ key: ProductKey, _ figures: MonthFigures, _ days: [ProductDay], _ report: MonthReport,
        _ call: Call
    ) async throws -> MonthReport.Product? {
        let record = try call.read(or: .products(.unknown(key))) { try $0.product(key, in: $1) }
        var line = MonthReport.Line()
        line.figures = figures
        line.ending = try await endings(of: key, in: report.span, call)
        let next = report.month.adding(months: 1).span(at: call.server.dayOffset)
        line.endingNext = try await endings(of: key, in: next, call)
        for day in days {
            line.used &+= day.used
            line.topUp &+= day.topUp
        }
        guard !record.isDeleted || !line.isEmpty else { return nil }
        if report.isRunning, let now = try call.read({ try $0.figures(of: key, in: $1) }) {
            (line.left, line.known, line.active) =
                record.isDeleted ? (0, 0, 0) : (now.remaining, now.devicesKnown, now.devicesActive)
        }
        return MonthReport.Product(
            key: key, name: record.name, isDeleted: record.isDeleted, line: line)
    }

    private static func endings(
        of product: ProductKey, in span: Range<Timestamp>, _ call: Call
    ) async throws -> UInt64 {
        var (sum, last): (UInt64, (Timestamp, UInt64)?) = (0, nil)
        repeat {
            try Task.checkCancellation()
            let part = try call.read {
                try $0.endings(
                    of: product, in: span, behind: last, limit: indexEntriesPerPart, in: $1)
            }
            sum += part.count
            last = part.last
            if last != nil { await Task.yield() }
        } while last != nil
        return sum
    }

    private static func mail(_ report: MonthReport, _ call: Call) async throws -> MonthOfMail? {
        var (sum, last): (MonthOfMail, UInt64?) = (MonthOfMail(), nil)
        repeat {
            try Task.checkCancellation()
            let part = try call.read {
                try $0.mail(
                    of: report.account, in: report.span, behind: last, limit: eventsPerPart,
                    in: $1)
            }
            guard part.isWhole else { return nil }
            sum.add(part.figures)
            last = part.last
            if last != nil { await Task.yield() }
        } while last != nil
        return sum
    }
}

extension Problem {
    /// Reading much of the books and of the counts is done for a few callers at once.
    static let tooManyReports = Problem(
        .tooMuchAtOnce, "no more reports can be made at once", retryAfterSeconds: 1)
}

extension MonthReport {
    fileprivate mutating func add(_ product: Product) {
        products.append(product)
        total.add(product.line)
        if let known = product.line.known { total.known = (total.known ?? 0) &+ known }
        if let active = product.line.active { total.active = (total.active ?? 0) &+ active }
    }
}
