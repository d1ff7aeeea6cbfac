import Gateway
import Hummingbird
import Ledger
import Metering
import Time

extension Routes {
    /// Rule C8: what all devices of a product used, day by day.
    mutating func registerProductUsage() {
        on(
            .get, "products/:pk/usage",
            Operation(
                "listProductUsage",
                "The messages of all devices of a product, day by day (rule C8)",
                query: [
                    Parameter("from", .day, "The first day; by default 30 days before the last."),
                    Parameter("to", .day, "The last day; today by default."),
                ],
                answers: .page(of: .productDay))
        ) { call in
            let (key, record) = try call.product()
            let today = Day(of: call.controlPlane.now, at: record.dayOffset)
            let last = try call.query("to") { Day($0) } ?? today
            var first = try call.query("from") { Day($0) } ?? last.adding(days: -30)
            let (cursor, limit) = try call.page()
            if let cursor { first = max(first, try Self.day(at: cursor)) }
            guard first <= last else { return call.list([], cursor: nil) }
            let found = try await call.controlPlane.usage(
                of: key, in: first...last, limit: limit + 1)
            return call.list(
                found.prefix(limit).map(Documents.productDay),
                cursor: found.count > limit ? Self.cursor(at: found[limit].day) : nil
            )
        }
    }

    /// A day as eight hexadecimal digits.
    private static func cursor(at day: Day) -> String {
        let digits = String(UInt32(bitPattern: day.number), radix: 16)
        return String(repeating: "0", count: 8 - digits.utf8.count) + digits
    }

    private static func day(at cursor: String) throws(Problem) -> Day {
        guard cursor.utf8.count == 8, let number = UInt32(cursor, radix: 16) else {
            throw .unknownCursor
        }
        return Day(number: Int32(bitPattern: number))
    }
}
