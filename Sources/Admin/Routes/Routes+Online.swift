import Gateway
import Hummingbird
import Ledger
import Metering
import Time

/// Devices over time: how many there were, and how many of them were online.
extension Routes {
    private static let query =
        days + [
            Parameter("by", .choice(["day", "hour"]), "What an element is of; by default a day.")
        ]

    mutating func registerOnline() {
        on(
            .get, "products/:pk/online", "listProductOnline",
            "The devices of a product over time, of the last 31 days: how many, and how many online",
            query: Self.query, answers: .page(of: Documents.onlinePeriod)
        ) { call in
            let (key, record) = try call.product()
            return try await Self.listOnline(of: [key], at: record.dayOffset, call)
        }
        on(
            .get, "accounts/:account/online", "listAccountOnline",
            "The same of all products of an account together",
            access: .wholeAccounts, query: Self.query, answers: .page(of: Documents.onlinePeriod),
            problems: [.tooMuchAtOnce]
        ) { call in
            let account = try call.account()
            guard let slot = call.server.reports.slot(for: call.principal.tenant) else {
                throw Problem.tooManyReports
            }
            let products = try call.read { try $0.productKeys(of: account, in: $1) }
            let response = try await Self.listOnline(
                of: products, at: call.server.dayOffset, call)
            withExtendedLifetime(slot) {}
            return response
        }
    }

    /// Days that are kept.
    private static let daysMaximum: Int32 = 31

    private static func listOnline(
        of products: [ProductKey], at offset: UTCOffset, _ call: Call
    ) async throws -> Response {
        let today = Day(of: call.controlPlane.now, at: offset)
        let last = min(try call.query("to") { Day($0) } ?? today, today)
        let asked = try call.query("from") { Day($0) } ?? last.adding(days: 1 - daysMaximum)
        let first = max(asked, today.adding(days: 1 - daysMaximum))
        let isByHour = call.query("by") == "hour"
        let (cursor, limit) = try call.page()
        guard first <= last else { return call.list([], cursor: nil) }
        var begin = Quarter(first: first, at: offset)
        if let cursor {
            begin = max(begin, Quarter(number: try number(at: cursor)))
        }
        let end = Quarter(first: last.next, at: offset)
        guard begin < end else { return call.list([], cursor: nil) }
        let found = try await call.controlPlane.online(of: products, in: begin..<end)
        try Task.checkCancellation()
        var periods = OnlinePeriod.periods(of: found, at: offset, isByHour: isByHour)
        let next = periods.count > limit ? periods[limit].first : nil
        periods = Array(periods.prefix(limit))
        if !isByHour, let from = periods.first?.day, let to = periods.last?.day {
            let usage = try await call.controlPlane.usage(of: products, in: from...to)
            OnlinePeriod.add(usage, to: &periods)
        }
        return call.list(
            periods.map { Documents.onlinePeriod($0) },
            cursor: next.map { Self.cursor(at: $0.number) })
    }
}

/// Devices in an hour or on a day.
struct OnlinePeriod: Sendable {
    let day: Day
    let from: Timestamp

    /// Its first quarter that was counted.
    let first: Quarter

    /// The most that were online at once.
    var online: UInt64

    /// At the last of its quarters.
    var devices: UInt64

    /// Those with a message; `nil`: that was not counted.
    var active: UInt64?
    var missing: [NodeName]

    static func periods(
        of found: OfAllNodes<[OnlineCount]>, at offset: UTCOffset, isByHour: Bool
    ) -> [OnlinePeriod] {
        let hour: Int64 = 3_600_000
        var periods: [OnlinePeriod] = []
        for count in found.value {
            let start = count.quarter.start
            let day = Day(of: start, at: offset)
            var from = day.start(at: offset)
            if isByHour {
                let hours = (start.milliseconds - from.milliseconds) / hour
                from = from.adding(milliseconds: hours * hour)
            }
            if let last = periods.indices.last, periods[last].from == from {
                periods[last].online = max(periods[last].online, count.online)
                periods[last].devices = count.devices
            } else {
                periods.append(
                    OnlinePeriod(
                        day: day, from: from, first: count.quarter, online: count.online,
                        devices: count.devices, missing: found.missing))
            }
        }
        return periods
    }

    /// How many devices had messages: of all products, if it was counted of each.
    static func add(
        _ usage: OfAllNodes<[ProductKey: [ProductDay]]>, to periods: inout [OnlinePeriod]
    ) {
        let sums = usage.sums
        for index in periods.indices {
            let day = sums[periods[index].day]
            periods[index].active = day.map(\.devices) ?? 0
            periods[index].missing = Set(periods[index].missing + usage.missing).sorted()
        }
    }
}

extension Documents {
    static let onlinePeriod = Shape<OnlinePeriod>("OnlinePeriod") {
        Member("day", \.day)
        Member("from", \.from, "When the hour or day begins.")
        Member(
            "online", \.online,
            "The most that were online at once: they are counted each quarter of an hour.")
        Member("devices", \.devices, "How many there were, by its last count.")
        Member(
            "active", \.active,
            "How many had messages on that day; null by hour, and when it was not counted.")
        Member(
            "missing", \.missing,
            "Nodes that did not answer: what they have counted is not in it.")
    }
}
