public import Bytes
import Ledger
public import Storage
public import Time

/// A device's counts of the last 31 days on which it sent or was sent something (rule C8).
public struct UsageRecord: Equatable, Sendable {
    /// How many days are kept; a day more takes the place of the oldest.
    public static let daysKept = 31

    /// By day, the oldest first; at most one entry a day.
    public private(set) var days: [DayUsage] = []

    /// When the device's connection last ended, or its counts were last taken to disk: it was seen then, or shortly
    /// before.
    public var seenAt = Timestamp(milliseconds: 0)

    public init() {}

    init(days: [DayUsage], seenAt: Timestamp) {
        self.days = days
        self.seenAt = seenAt
    }

    /// What was counted on that day, `nil` when nothing was, or it is too long ago.
    public func usage(on day: Day) -> DayUsage? { days.last { $0.day == day } }

    /// Units of the allowance that were counted on that day.
    public func used(on day: Day) -> UInt32 { usage(on: day)?.used ?? 0 }

    /// Sets that day's count, and answers by how much it grew: what its product's total grows by.
    ///
    /// A count only grows: a smaller one than is held comes from a flush that was overtaken. Days are
    /// dropped from the oldest end only, and one that is older than all of a full record is not
    /// taken, so that no day is ever counted into a total a second time, however the clock jumps. A day on which
    /// nothing was counted takes no other one's place.
    @discardableResult
    public mutating func record(_ usage: DayUsage) -> DayUsage {
        var growth = usage
        var index = days.count
        while index > 0, days[index - 1].day > usage.day { index -= 1 }
        if index > 0, days[index - 1].day == usage.day {
            let held = days[index - 1]
            days[index - 1].used = max(held.used, usage.used)
            days[index - 1].topUp = max(held.topUp, usage.topUp)
            days[index - 1].isNoticed = held.isNoticed || usage.isNoticed
            growth.used = days[index - 1].used - held.used
            growth.topUp = days[index - 1].topUp - held.topUp
            return growth
        }
        guard usage != DayUsage(day: usage.day) else { return growth }
        if days.count == Self.daysKept {
            guard index > 0 else { return DayUsage(day: usage.day) }
            days.removeFirst()
            index -= 1
        }
        days.insert(usage, at: index)
        return growth
    }
}

extension UsageRecord: StorageRecord {
    private enum Version: UInt8, RecordVersion { case v1 = 1 }

    public func encode(into buffer: inout ByteBuffer) {
        buffer.append(Version.v1)
        buffer.append(UInt64(bitPattern: seenAt.milliseconds))
        buffer.append(list: days) { buffer, usage in
            buffer.appendSignedVarint(Int64(usage.day.number))
            // The notice is the lowest bit.
            buffer.appendVarint(UInt64(usage.used) << 1 | (usage.isNoticed ? 1 : 0))
            buffer.appendVarint(UInt64(usage.topUp))
        }
    }

    public init(decoding reader: inout ByteReader) throws(MalformedRecord) {
        switch try reader.take(Version.self, of: "device usage") {
        case .v1: break
        }
        let seenAt = Timestamp(milliseconds: Int64(bitPattern: try reader.takeUInt64()))
        let days = try reader.takeList { reader throws(MalformedRecord) in
            guard let day = Int32(exactly: try reader.takeSignedVarint()) else {
                throw .malformed(what: "day of device usage")
            }
            let bits = try reader.takeVarint()
            guard let used = UInt32(exactly: bits >> 1) else {
                throw .malformed(what: "count of device usage")
            }
            guard let topUp = UInt32(exactly: try reader.takeVarint()) else {
                throw .malformed(what: "top-up of device usage")
            }
            return DayUsage(
                day: Day(number: day),
                used: used,
                topUp: topUp,
                isNoticed: bits & 1 == 1
            )
        }
        self.init(days: days, seenAt: seenAt)
    }
}

/// Units of all devices of a product on one day, and how many these were: 24 bytes without a version, so that another
/// layout has another length. Those of earlier programs are 16 bytes: they did not count the devices.
struct ProductDayTotal: StorageRecord, Equatable {
    /// Those that their allowances covered.
    var used: UInt64

    /// Those past their allowances, from top-up packs (rule C6).
    var topUp: UInt64

    /// Devices with any unit on that day; `nil`: they were not counted from the day's beginning.
    var devices: UInt64?

    init(used: UInt64 = 0, topUp: UInt64 = 0, devices: UInt64? = nil) {
        self.used = used
        self.topUp = topUp
        self.devices = devices
    }

    /// Of no device.
    static let none = ProductDayTotal(devices: 0)

    /// Counts what a device's day grew by.
    ///
    /// - Parameter isFirst: it had no unit on that day.
    mutating func add(_ growth: DayUsage, isFirst: Bool) {
        used += UInt64(growth.used)
        topUp += UInt64(growth.topUp)
        if isFirst { devices = devices.map { $0 + 1 } }
    }

    /// Both are of the same day.
    mutating func add(_ other: ProductDayTotal) {
        used += other.used
        topUp += other.topUp
        devices = devices.flatMap { own in other.devices.map { own + $0 } }
    }

    func encode(into buffer: inout ByteBuffer) {
        buffer.append(used)
        buffer.append(topUp)
        if let devices { buffer.append(devices) }
    }

    init(decoding reader: inout ByteReader) throws(MalformedRecord) {
        used = try reader.takeUInt64()
        topUp = try reader.takeUInt64()
        devices = reader.isAtEnd ? nil : try reader.takeUInt64()
    }
}

/// A product's day in the usage store: the days of a product are neighbours, in order.
struct ProductDayKey: StorageKey, Hashable {
    let product: ProductKey
    let day: Day

    init(_ product: ProductKey, _ day: Day) {
        self.product = product
        self.day = day
    }

    func encode(into writer: inout KeyWriter) {
        product.encode(into: &writer)
        writer.append(Int64(day.number))
    }

    init?(decoding reader: inout ByteReader) {
        guard let product = ProductKey(decoding: &reader),
            let number = Int64(decoding: &reader).flatMap({ Int32(exactly: $0) })
        else { return nil }
        self.init(product, Day(number: number))
    }
}

/// What all devices of a product used on one day (rule C8).
public struct ProductDay: Hashable, Sendable {
    public let day: Day

    /// Units of messages (rule C1), as far as the devices' allowances covered them.
    public let used: UInt64

    /// Units from top-up packs (rule C6).
    public let topUp: UInt64

    /// Devices with any of these units; `nil`: they were not counted from the day's beginning.
    public let devices: UInt64?

    public init(day: Day, used: UInt64, topUp: UInt64 = 0, devices: UInt64? = nil) {
        self.day = day
        self.used = used
        self.topUp = topUp
        self.devices = devices
    }

    /// With what others have counted on the same day: other nodes, or of other products.
    public func adding(_ other: ProductDay?) -> ProductDay {
        guard let other else { return self }
        return ProductDay(
            day: day, used: used &+ other.used, topUp: topUp &+ other.topUp,
            devices: devices.flatMap { own in other.devices.map { own &+ $0 } })
    }
}
