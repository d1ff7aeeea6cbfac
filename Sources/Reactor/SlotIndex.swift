/// Finds slots by what their elements are called: a hash table of slots, while the names stay with the
/// elements. A slot takes 9 to 18 bytes, whatever the names' length.
///
/// Its owner hashes a name and says whether the element of a slot has it. A bucket keeps the hash too, so
/// elements are looked at only when it is the same, and growing looks at none.
///
/// Open addressing with linear probing; taking a slot out moves those behind it up, so no bucket is ever
/// wasted on one that is gone.
public struct SlotIndex: ~Copyable {
    struct Bucket {
        var hash: UInt32
        var slot: UInt32

        static var empty: Bucket { Bucket(hash: 0, slot: .max) }
        var isEmpty: Bool { slot == .max }
    }

    /// A power of two of them, and at most seven eighths taken; none in an empty index.
    private var buckets: [Bucket] = []
    public private(set) var count = 0

    public init() {}

    /// The slot with that hash whose element has the name; `nil`: there is none.
    public func slot(hash: UInt32, where isNamed: (UInt32) -> Bool) -> UInt32? {
        guard count > 0 else { return nil }
        var place = home(of: hash)
        while !buckets[place].isEmpty {
            if buckets[place].hash == hash, isNamed(buckets[place].slot) {
                return buckets[place].slot
            }
            place = next(place)
        }
        return nil
    }

    /// Puts a slot in. No other may have its element's name, nor may it be there already.
    public mutating func insert(_ slot: UInt32, hash: UInt32) {
        precondition(slot != .max, "no slot has that number")
        if (count + 1) * 8 > buckets.count * 7 { grow() }
        put(Bucket(hash: hash, slot: slot))
        count += 1
    }

    /// Takes a slot out. False when it was not there.
    @discardableResult
    public mutating func remove(_ slot: UInt32, hash: UInt32) -> Bool {
        guard count > 0 else { return false }
        var gap = home(of: hash)
        while buckets[gap].slot != slot {
            guard !buckets[gap].isEmpty else { return false }
            gap = next(gap)
        }
        // What follows without a break is moved up, unless that were in front of its home.
        var following = next(gap)
        while !buckets[following].isEmpty {
            let distance = (following - home(of: buckets[following].hash)) & (buckets.count - 1)
            if distance >= (following - gap) & (buckets.count - 1) {
                buckets[gap] = buckets[following]
                gap = following
            }
            following = next(following)
        }
        buckets[gap] = .empty
        count -= 1
        return true
    }

    private mutating func grow() {
        let old = buckets
        buckets = Array(repeating: .empty, count: max(8, old.count * 2))
        for bucket in old where !bucket.isEmpty { put(bucket) }
    }

    private mutating func put(_ bucket: Bucket) {
        var place = home(of: bucket.hash)
        while !buckets[place].isEmpty { place = next(place) }
        buckets[place] = bucket
    }

    /// The bucket that a slot of this hash is in, or in front of.
    private func home(of hash: UInt32) -> Int { Int(hash) & (buckets.count - 1) }

    private func next(_ place: Int) -> Int { (place + 1) & (buckets.count - 1) }
}
