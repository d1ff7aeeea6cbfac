/// One timer per small number, in a hierarchy of wheels with 64 buckets each: scheduling and
/// cancelling take constant time, advancing takes time for what fires (and at most ten times in a
/// timer's life to bring it one wheel closer).
///
/// A timer lies on the wheel of the highest base-64 digit in which its deadline differs from now; when
/// now reaches that digit, the bucket is spread over the wheels below. Deadlines are any `UInt64`.
/// The lists run through an array with 16 bytes a timer, touched only as far as timers are used.
///
/// (G. Varghese, T. Lauck: Hashed and Hierarchical Timing Wheels, 1987, scheme 7.)
@safe
@frozen
public struct TimerWheel: ~Copyable {
    @inlinable static var digitBits: UInt64 { 6 }
    @inlinable static var bucketsPerWheel: Int { 64 }
    /// Eleven digits of six bits hold 64 bits.
    @inlinable static var wheels: Int { 11 }

    /// The timers, by their number; initialised below `used`.
    @usableFromInline let nodes: UnsafeMutablePointer<TimerNode>

    /// The first timer of each bucket, or `none`: `wheels` times 64.
    @usableFromInline let buckets: UnsafeMutablePointer<UInt32>

    /// For each wheel, a bit for each bucket that holds a timer.
    @usableFromInline let occupancy: UnsafeMutablePointer<UInt64>

    /// Timers are numbered below.
    public let limit: UInt32

    @usableFromInline var used: UInt32
    @usableFromInline var scheduled: UInt32

    /// The tick that the wheel has been advanced to.
    public private(set) var now: UInt64

    /// A wheel without timers, at tick `now`, for the numbers below `limit` (2,147,483,647 at most).
    public init(limit: Int, now: UInt64 = 0) {
        precondition(limit > 0 && limit < Int(TimerNode.bucketFlag), "no such number of timers")
        self.limit = UInt32(limit)
        self.now = now
        used = 0
        scheduled = 0
        unsafe nodes = .allocate(capacity: limit)
        let bucketCount = Self.wheels * Self.bucketsPerWheel
        unsafe buckets = .allocate(capacity: bucketCount)
        unsafe buckets.initialize(repeating: TimerNode.none, count: bucketCount)
        unsafe occupancy = .allocate(capacity: Self.wheels)
        unsafe occupancy.initialize(repeating: 0, count: Self.wheels)
    }

    deinit {
        // Safe: all were allocated by `init` and are freed once, here; the elements are trivial.
        unsafe nodes.deallocate()
        unsafe buckets.deallocate()
        unsafe occupancy.deallocate()
    }

    /// How many timers are scheduled.
    @inlinable
    public var count: Int { Int(scheduled) }

    /// When the timer will fire; `nil` when it is not scheduled.
    @inlinable
    public func deadline(of id: UInt32) -> UInt64? {
        guard id < used else { return nil }
        // Safe: nodes are initialised below `used`.
        let deadline = unsafe nodes[Int(id)].deadline
        return deadline == 0 ? nil : deadline
    }

    /// Sets the timer to fire at `tick`, in place of what it was set to. A tick that is not after
    /// `now` fires with the next one.
    @inlinable
    public mutating func schedule(_ id: UInt32, at tick: UInt64) {
        precondition(id < limit, "no such timer")
        if id >= used { use(id) }
        // Safe: nodes are initialised below `used`.
        if unsafe nodes[Int(id)].deadline != 0 { unlink(id) } else { scheduled += 1 }
        let deadline = tick > now ? tick : now + 1
        unsafe nodes[Int(id)].deadline = deadline
        link(id, deadline)
    }

    /// Takes the timer's deadline away; false when it has none.
    @inlinable
    @discardableResult
    public mutating func cancel(_ id: UInt32) -> Bool {
        guard deadline(of: id) != nil else { return false }
        unlink(id)
        // Safe: nodes are initialised below `used`.
        unsafe nodes[Int(id)].deadline = 0
        scheduled -= 1
        return true
    }

    /// Moves on to `tick`, and appends the timers whose deadline that reaches to `fired`, by their
    /// deadline; they are not scheduled any more. A tick in the past changes nothing.
    public mutating func advance(to tick: UInt64, into fired: inout [UInt32]) {
        // Nothing is scheduled before the next tick.
        if tick <= now { return }
        while let event = nextEvent, event <= tick {
            now = event
            expire(event, into: &fired)
        }
        now = tick
    }

    /// A tick by which `advance` has something to do: not after the first deadline, and often
    /// before it. `nil` when nothing is scheduled.
    public var nextEvent: UInt64? {
        // The lowest wheel that holds a timer holds the nearest: all above differ from now in a
        // higher digit. And a bucket of any wheel is ahead of now's own digit.
        for wheel in 0..<Self.wheels {
            // Safe: there is a word for each wheel.
            let word = unsafe occupancy[wheel]
            guard word != 0 else { continue }
            let shift = UInt64(wheel) * Self.digitBits
            let digit = UInt64(word.trailingZeroBitCount)
            // Smart shifts: by 64 or more they answer 0, as the topmost wheel needs.
            let higher = (now >> (shift + Self.digitBits)) << (shift + Self.digitBits)
            return higher | digit << shift
        }
        return nil
    }

    /// Empties the one bucket that begins at `event`, which is now: on the lowest wheel its timers
    /// fire, on another they move closer, or fire when they are due.
    private mutating func expire(_ event: UInt64, into fired: inout [UInt32]) {
        // Safe: bucket and wheel numbers come from the occupancy words; linked timers are in use.
        var wheel = 0
        while unsafe occupancy[wheel] == 0 { wheel += 1 }
        let digit = unsafe occupancy[wheel].trailingZeroBitCount
        let bucket = wheel * Self.bucketsPerWheel + digit
        var id = unsafe buckets[bucket]
        unsafe buckets[bucket] = TimerNode.none
        unsafe occupancy[wheel] &= ~(1 << UInt64(digit))
        while id != TimerNode.none {
            let following = unsafe nodes[Int(id)].next
            let deadline = unsafe nodes[Int(id)].deadline
            if deadline == event {
                unsafe nodes[Int(id)].deadline = 0
                scheduled -= 1
                fired.append(id)
            } else {
                link(id, deadline)
            }
            id = following
        }
    }

    /// Puts the timer first in the bucket of its deadline, which is after now.
    @inlinable
    mutating func link(_ id: UInt32, _ deadline: UInt64) {
        let wheel = UInt64(63 - (deadline ^ now).leadingZeroBitCount) / Self.digitBits
        let digit = deadline >> (wheel * Self.digitBits) & 63
        let bucket = Int(wheel) * Self.bucketsPerWheel + Int(digit)
        // Safe: the wheel is below 11 and the digit below 64; linked timers are in use.
        let first = unsafe buckets[bucket]
        unsafe nodes[Int(id)].next = first
        unsafe nodes[Int(id)].previous = TimerNode.bucketFlag | UInt32(truncatingIfNeeded: bucket)
        if first != TimerNode.none { unsafe nodes[Int(first)].previous = id }
        unsafe buckets[bucket] = id
        unsafe occupancy[Int(wheel)] |= 1 << digit
    }

    /// Takes the timer out of its bucket.
    @inlinable
    mutating func unlink(_ id: UInt32) {
        // Safe: the timer is linked, so its neighbours are timers in use, or a bucket.
        let following = unsafe nodes[Int(id)].next
        let before = unsafe nodes[Int(id)].previous
        if following != TimerNode.none { unsafe nodes[Int(following)].previous = before }
        if before & TimerNode.bucketFlag == 0 {
            unsafe nodes[Int(before)].next = following
        } else {
            let bucket = Int(before & ~TimerNode.bucketFlag)
            unsafe buckets[bucket] = following
            if following == TimerNode.none {
                unsafe occupancy[bucket >> 6] &= ~(1 << UInt64(bucket & 63))
            }
        }
    }

    /// Brings all numbers up to `id` into use, unscheduled.
    @usableFromInline
    mutating func use(_ id: UInt32) {
        // Safe: `id` is below `limit`, which the nodes were allocated for.
        let count = Int(id + 1 - used)
        unsafe (nodes + Int(used)).initialize(repeating: TimerNode(), count: count)
        used = id + 1
    }
}
