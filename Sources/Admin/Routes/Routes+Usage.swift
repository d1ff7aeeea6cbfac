import Gateway
import Hummingbird
import Ledger
import Metering
import Time

/// Rule C8: messages, day by day.
extension Routes {
    /// Which days a list is asked for.
    static let days = [
        Parameter("from", .day, "The first day; by default 30 days before the last."),
        Parameter("to", .day, "The last day; today by default."),
    ]

    mutating func registerUsage() {
        on(
            .get, "products/:pk/usage", "listProductUsage",
            "The messages of all devices of a product, day by day (rule C8)",
            query: Self.days, answers: .page(of: Documents.productDay)
        ) { call in
            let (key, record) = try call.product()
            let days = try call.days(at: record.dayOffset)
            let (_, limit) = try call.page()
            guard let days else { return call.list([], cursor: nil) }
            let found = try await call.controlPlane.usage(of: key, in: days, limit: limit + 1)
            return call.list(
                found.prefix(limit).map { Documents.productDay($0) },
                cursor: found.count > limit ? Self.cursor(at: found[limit].day.number) : nil)
        }
        on(
            .get, "accounts/:account/usage", "listAccountUsage",
            "The same of all products of an account together, each by its own days",
            access: .wholeAccounts, query: Self.days, answers: .page(of: Documents.accountDay)
        ) { call in try await Self.listAccountUsage(call.account(), call) }
    }

    private static func listAccountUsage(
        _ account: AccountID, _ call: Call
    ) async throws -> Response {
        let days = try call.days(at: call.server.dayOffset)
        let (_, limit) = try call.page()
        guard let days else { return call.list([], cursor: nil) }
        let products = try call.read { try $0.productKeys(of: account, in: $1) }
        let found = try await call.controlPlane.usage(of: products, in: days)
        try Task.checkCancellation()
        let sums = found.sums.values.sorted { $0.day < $1.day }
        return call.list(
            sums.prefix(limit).map {
                Documents.accountDay(AccountDay(day: $0, missing: found.missing))
            },
            cursor: sums.count > limit ? cursor(at: sums[limit].day.number) : nil)
    }

    /// The number of a day, or of a quarter of an hour, as eight hexadecimal digits.
    static func cursor(at number: Int32) -> String {
        let digits = String(UInt32(bitPattern: number), radix: 16)
        return String(repeating: "0", count: 8 - digits.utf8.count) + digits
    }

    static func number(at cursor: String) throws(Problem) -> Int32 {
        guard cursor.utf8.count == 8, let number = UInt32(cursor, radix: 16) else {
            throw .unknownCursor
        }
        return Int32(bitPattern: number)
    }
}

extension Call {
    /// The days that a list is asked for, behind its cursor; `nil`: there are none.
    ///
    /// - Parameter offset: of the list's days.
    fileprivate func days(at offset: UTCOffset) throws -> ClosedRange<Day>? {
        let today = Day(of: controlPlane.now, at: offset)
        let last = try query("to") { Day($0) } ?? today
        var first = try query("from") { Day($0) } ?? last.adding(days: -30)
        if let cursor = try page().cursor {
            first = max(first, Day(number: try Routes.number(at: cursor)))
        }
        return first <= last ? first...last : nil
    }
}

/// What all devices of an account used on one day.
struct AccountDay: Sendable {
    let day: ProductDay

    /// Nodes that did not answer.
    let missing: [NodeName]
}

extension OfAllNodes<[ProductKey: [ProductDay]]> {
    /// What all of the products used on each day.
    var sums: [Day: ProductDay] {
        value.values.joined().reduce(into: [:]) { sums, day in
            sums[day.day] = day.adding(sums[day.day])
        }
    }
}

/// Rule C8.
extension Documents {
    static let productDay = Shape<ProductDay>("ProductDay") {
        Member("day", \.day)
        Member("used", \.used)
        Member("topUp", \.topUp)
    }

    static let accountDay = Shape<AccountDay>("AccountDay") {
        Member("day", \.day.day)
        Member("used", \.day.used)
        Member("topUp", \.day.topUp)
        Member(
            "missing", \.missing,
            "Nodes that did not answer: what they have counted is not in it.")
    }
}
