/// How a histogram divides the numbers: exactly up to 63, then each octave (from a power of two to
/// the next) into 32 buckets of one width, so that a bucket is at most 1/32 (3.2 %) as wide as what
/// it holds. 1,184 buckets reach to 2⁴¹ - 1 (in nanoseconds 36 minutes); the last takes all above.
@frozen
public enum HistogramScale {
    @usableFromInline static var divisionBits: Int { 5 }
    @usableFromInline static var octaves: Int { 41 }

    /// How many buckets there are.
    @inlinable
    public static var bucketCount: Int { (octaves - divisionBits + 1) << divisionBits }

    /// The bucket that `value` falls into.
    @inlinable
    public static func bucket(of value: UInt64) -> Int {
        let octave = 63 - (value | 1).leadingZeroBitCount
        if octave <= divisionBits { return Int(value) }
        if octave >= octaves { return bucketCount - 1 }
        let shift = octave - divisionBits
        return (shift << divisionBits) + Int(value >> UInt64(shift))
    }

    /// The lowest value in the bucket.
    @inlinable
    public static func lowest(in bucket: Int) -> UInt64 {
        let divisions = 1 << divisionBits
        if bucket < 2 * divisions { return UInt64(bucket) }
        let shift = bucket / divisions - 1
        return UInt64(bucket - shift * divisions) << UInt64(shift)
    }

    /// The highest value in the bucket (for the last bucket, of those that it is meant for).
    @inlinable
    public static func highest(in bucket: Int) -> UInt64 { lowest(in: bucket + 1) - 1 }
}
