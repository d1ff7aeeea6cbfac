/// What a timer wheel knows of one timer: 16 bytes, so that four timers share a cache line and one
/// timer never needs two.
@frozen
@usableFromInline
struct TimerNode {
    /// 0 when the timer is not scheduled.
    @usableFromInline var deadline: UInt64

    /// The next timer in the same bucket, or `none`.
    @usableFromInline var next: UInt32

    /// The previous timer in the same bucket, or the bucket's number with `bucketFlag`.
    @usableFromInline var previous: UInt32

    /// Not scheduled.
    @inlinable
    init() {
        deadline = 0
        next = Self.none
        previous = Self.none
    }

    @inlinable static var none: UInt32 { .max }
    @inlinable static var bucketFlag: UInt32 { 1 << 31 }
}
