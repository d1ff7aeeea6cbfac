import Ledger
import Linux
import Storage

/// Devices that alerts' digests are to tell of, each once (rule E2): in memory, a limited number of them.
struct SeenDevices: Sendable {
    typealias Digest = KeyPair<AlertKind, ProductKey>

    /// Of one product; the books count no more.
    static let ofProductMaximum = Books.digestDevicesMaximum

    /// Of all together; what comes behind is not told of, unless it comes again.
    static let maximum = 16_384

    private(set) var devices: [Digest: Set<DeviceKey>] = [:]
    private(set) var count = 0

    /// One look-up of a device that is there already.
    mutating func note(_ device: DeviceIdentity, for kind: AlertKind) {
        insert(device.device, of: Digest(kind, device.product))
    }

    private mutating func insert(_ device: DeviceKey, of digest: Digest) {
        guard count < Self.maximum else { return }
        let isFull = devices[digest].map { $0.count >= Self.ofProductMaximum } ?? false
        if !isFull, devices[digest, default: []].insert(device).inserted { count += 1 }
    }

    mutating func merge(_ other: SeenDevices) {
        for (digest, keys) in other.devices {
            for key in keys { insert(key, of: digest) }
        }
    }

    /// Takes out what is there of a product.
    mutating func take(_ digest: Digest) -> Set<DeviceKey> {
        let keys = devices.removeValue(forKey: digest) ?? []
        count -= keys.count
        return keys
    }
}

/// What a node tells the books of devices for digests: of each product at most once an hour, whatever its devices do.
struct DigestReports {
    static let pauseMilliseconds: Int64 = 3_600_000

    private var seen = SeenDevices()

    /// When each product's devices may be told of again.
    private var nextAt: [SeenDevices.Digest: MonotonicInstant] = [:]

    mutating func merge(_ new: SeenDevices) { seen.merge(new) }

    /// What is to be told of now, and counts as told: the devices of one product.
    mutating func next(at time: MonotonicInstant) -> (digest: SeenDevices.Digest, [DeviceKey])? {
        nextAt = nextAt.filter { $0.value > time }
        guard let digest = seen.devices.keys.first(where: { nextAt[$0] == nil }) else {
            return nil
        }
        nextAt[digest] = time.adding(milliseconds: Self.pauseMilliseconds)
        return (digest, seen.take(digest).sorted())
    }

    /// The books could not be told.
    mutating func putBack(_ devices: [DeviceKey], of digest: SeenDevices.Digest) {
        nextAt[digest] = nil
        for key in devices {
            seen.note(DeviceIdentity(product: digest.second, device: key), for: digest.first)
        }
    }
}
