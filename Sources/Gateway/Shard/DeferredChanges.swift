import Ledger
import Linux

/// Products and devices that have changed while the books could not be read: a shard reads them again
/// in a while, so that no change is ever missed. There are at most as many as have changed.
struct DeferredChanges {
    private var products: Set<ProductKey> = []
    private var devices: Set<DeviceIdentity> = []
    private var dueAt = MonotonicInstant(nanoseconds: 0)

    /// Milliseconds until the books are asked again.
    static var pauseMilliseconds: Int64 { 250 }

    var isEmpty: Bool { products.isEmpty && devices.isEmpty }

    mutating func insert(_ product: ProductKey, at time: MonotonicInstant) {
        products.insert(product)
        dueAt = time.adding(milliseconds: Self.pauseMilliseconds)
    }

    mutating func insert(_ device: DeviceIdentity, at time: MonotonicInstant) {
        devices.insert(device)
        dueAt = time.adding(milliseconds: Self.pauseMilliseconds)
    }

    /// All of them, if there are any and the pause is over; they have to be inserted again if the
    /// books still can't be read.
    mutating func takeIfDue(
        at time: MonotonicInstant
    ) -> (products: Set<ProductKey>, devices: Set<DeviceIdentity>)? {
        guard !isEmpty, time >= dueAt else { return nil }
        defer { (products, devices) = ([], []) }
        return (products, devices)
    }
}
