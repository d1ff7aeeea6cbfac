import Ledger
import Linux
import Storage

/// Devices that alerts' digests are to tell of, each once (rule E2): in memory, a limited number of them.
struct SeenDevices: Sendable {
    typealias Digest = KeyPair<AlertKind, ProductKey>

    /// Of one product; the books count no more.
    static let ofProductMaximum = Books.digestDevicesMaximum

    /// Of all products together, in a shard, and of those in a node that wait for their hour; what comes behind is not told
    /// of, unless it comes again.
    static let maximum = 16_384

    private(set) var devices: [Digest: Set<DeviceKey>] = [:]
    private(set) var count = 0

    mutating func note(_ device: DeviceIdentity, for kind: AlertKind) {
        insert(device.device, of: Digest(kind, device.product))
    }

    private mutating func insert(
        _ device: DeviceKey, of digest: Digest, maximum: Int = maximum
    ) {
        guard count < maximum else { return }
        let isFull = devices[digest].map { $0.count >= Self.ofProductMaximum } ?? false
        if !isFull, devices[digest, default: []].insert(device).inserted { count += 1 }
    }

    /// - Parameter isDue: whether a product's devices can be told of now: they have room of their own, as many again.
    mutating func merge(_ other: SeenDevices, isDue: (Digest) -> Bool) {
        for (digest, keys) in other.devices {
            let maximum = isDue(digest) ? 2 * Self.maximum : Self.maximum
            for key in keys { insert(key, of: digest, maximum: maximum) }
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

    /// Products that wait for their hour don't crowd out what can be told of at once.
    mutating func merge(_ new: SeenDevices) {
        let nextAt = nextAt
        seen.merge(new) { nextAt[$0] == nil }
    }

    /// The products whose devices may be told of now.
    mutating func due(at time: MonotonicInstant) -> [SeenDevices.Digest] {
        nextAt = nextAt.filter { $0.value > time }
        return seen.devices.keys.filter { nextAt[$0] == nil }
    }

    /// The devices of a product, which count as told.
    mutating func take(_ digest: SeenDevices.Digest, at time: MonotonicInstant) -> [DeviceKey] {
        nextAt[digest] = time.adding(milliseconds: Self.pauseMilliseconds)
        return seen.take(digest).sorted()
    }

    /// The books could not be told.
    mutating func putBack(_ devices: [DeviceKey], of digest: SeenDevices.Digest) {
        nextAt[digest] = nil
        var back = SeenDevices()
        for key in devices {
            back.note(DeviceIdentity(product: digest.second, device: key), for: digest.first)
        }
        seen.merge(back) { _ in true }
    }
}
