import Ledger
import Testing
import Time

/// A device of the tests, by its number.
func device(_ number: Int, of product: String = "pk") -> DeviceIdentity {
    DeviceIdentity(product: ProductKey(product)!, device: DeviceKey("d\(number)")!)
}

/// 2026-11-21, and the days around it.
func day(_ distance: Int32 = 0) -> Day { Day("2026-11-21")!.adding(days: distance) }

/// A time for batches.
let noon = Timestamp("2026-11-21T12:00:00Z")!

/// A device on a day.
struct DeviceDay: Hashable {
    let device: DeviceIdentity
    let day: Day

    init(_ device: DeviceIdentity, _ day: Day) {
        self.device = device
        self.day = day
    }
}

/// What a meter answered, which a macro can't ask: a meter can't be copied.
func required<Value>(_ value: Value?) throws -> Value { try #require(value) }
