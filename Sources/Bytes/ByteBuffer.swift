/// Bytes that one owner appends at the end and takes from the front: a packet under construction,
/// what a full socket left behind, the half of a packet that has arrived.
///
/// An empty buffer owns no memory. Integers are written big-endian, as MQTT and our store keys want
/// them. Growth doubles; nothing shrinks but `removeAll(keepingCapacity: false)`.
@safe
@frozen
public struct ByteBuffer: ~Copyable, Sendable {
    // Safe: owned by this value alone, and so goes with it from thread to thread.
    @usableFromInline nonisolated(unsafe) var base: UnsafeMutablePointer<UInt8>?

    /// Room from `base` on, in bytes.
    @usableFromInline var room: Int

    @inlinable
    public var capacity: Int { room }

    /// Where the first unread byte is, and where the next one goes: `0 <= start <= end <= capacity`.
    @usableFromInline var start: Int
    @usableFromInline var end: Int

    @inlinable
    public init() {
        unsafe base = nil
        room = 0
        start = 0
        end = 0
    }

    public init(capacity: Int) {
        self.init()
        if capacity > 0 { reserve(capacity) }
    }

    deinit {
        // Safe: `base` was allocated by `reserve` and is freed once, here.
        unsafe base?.deallocate()
    }

    @inlinable
    public var count: Int { end - start }

    @inlinable
    public var isEmpty: Bool { start == end }

    /// The bytes, borrowed until the next change.
    @inlinable
    public var span: Span<UInt8> {
        @_lifetime(borrow self)
        get {
            guard let base = unsafe base else { return Span() }
            // Safe: `start..<end` is inside the allocation and initialised by the appends.
            let span = unsafe Span(_unsafeStart: base + start, count: end - start)
            return unsafe _overrideLifetime(span, borrowing: self)
        }
    }

    /// The bytes, to be changed in place.
    @inlinable
    public var mutableSpan: MutableSpan<UInt8> {
        @_lifetime(&self)
        mutating get {
            guard let base = unsafe base else { return MutableSpan() }
            // Safe: `start..<end` is inside the allocation and initialised by the appends.
            let span = unsafe MutableSpan(_unsafeStart: base + start, count: end - start)
            return unsafe _overrideLifetime(span, mutating: &self)
        }
    }

    /// The byte at `index` from the front; traps outside `0..<count`.
    @inlinable
    public subscript(index: Int) -> UInt8 {
        get {
            precondition(index >= 0 && index < count, "index outside the buffer")
            return unsafe base.unsafelyUnwrapped[start + index]
        }
        set {
            precondition(index >= 0 && index < count, "index outside the buffer")
            unsafe base.unsafelyUnwrapped[start + index] = newValue
        }
    }

    /// Makes room for `additional` more bytes, so that appending them does not allocate.
    @inlinable
    public mutating func reserve(_ additional: Int) {
        if capacity - end < additional { grow(by: additional) }
    }

    @inlinable
    public mutating func append(_ byte: UInt8) {
        reserve(1)
        unsafe base.unsafelyUnwrapped[end] = byte
        end += 1
    }

    @inlinable
    public mutating func append(_ value: UInt16) { appendInteger(value) }

    @inlinable
    @inline(__always)
    public mutating func append(_ value: UInt32) { appendInteger(value) }

    @inlinable
    public mutating func append(_ value: UInt64) { appendInteger(value) }

    @inlinable
    public mutating func append(_ bytes: Span<UInt8>) {
        guard bytes.count > 0 else { return }
        reserve(bytes.count)
        // Safe: `reserve` made room for `bytes.count` from `end`, and a borrowed span cannot lie
        // inside a buffer that is being mutated.
        unsafe bytes.withUnsafeBufferPointer { source in
            unsafe (base.unsafelyUnwrapped + end).update(
                from: source.baseAddress.unsafelyUnwrapped,
                count: source.count
            )
        }
        end += bytes.count
    }

    /// Appends the text's UTF-8.
    @inlinable
    public mutating func append(utf8 text: String) {
        var text = text
        text.makeContiguousUTF8()
        append(text.utf8Span.span)
    }

    /// Lets `body` write into at least `minimum` free bytes; it answers how many it wrote.
    @inlinable
    public mutating func appendUnsafely<E: Error>(
        minimum: Int,
        _ body: (UnsafeMutableRawBufferPointer) throws(E) -> Int
    ) throws(E) -> Int {
        reserve(minimum)
        // Safe: the region is ours and free; what `body` claims to have written is checked.
        let region = unsafe UnsafeMutableRawBufferPointer(
            start: base.map { unsafe $0 + end },
            count: capacity - end
        )
        let written = try unsafe body(region)
        precondition(written >= 0 && written <= region.count, "wrote outside the free region")
        end += written
        return written
    }

    /// Drops `count` bytes from the front; they must be there.
    @inlinable
    public mutating func removeFirst(_ count: Int) {
        precondition(count >= 0 && count <= self.count, "more removed than there is")
        start += count
        if start == end {
            start = 0
            end = 0
        }
    }

    /// Drops bytes from the end, so that `count` are left.
    @inlinable
    public mutating func truncate(to count: Int) {
        precondition(count >= 0 && count <= self.count, "can't truncate to more than there is")
        end = start + count
    }

    /// Moves the bytes from `index` on to make a gap of `size` bytes before them; what the gap holds
    /// is not defined until it is written.
    @inlinable
    public mutating func insertGap(of size: Int, at index: Int) {
        precondition(index >= 0 && index <= count && size >= 0, "no such gap in the buffer")
        reserve(size)
        guard let base = unsafe base else { return }
        // Safe: `reserve` made room for `size` bytes from `end`, and `update` allows the overlap.
        let source = unsafe base + start + index
        unsafe (source + size).update(from: source, count: count - index)
        end += size
    }

    /// Empties the buffer, and gives its memory back unless told to keep it.
    @inlinable
    public mutating func removeAll(keepingCapacity: Bool = true) {
        start = 0
        end = 0
        if !keepingCapacity {
            unsafe base?.deallocate()
            unsafe base = nil
            room = 0
        }
    }

    @inlinable
    @inline(__always)
    mutating func appendInteger<Integer: FixedWidthInteger>(_ value: Integer) {
        let size = MemoryLayout<Integer>.size
        reserve(size)
        // Safe: `reserve` made room for `size` bytes from `end`.
        unsafe UnsafeMutableRawPointer(base.unsafelyUnwrapped + end)
            .storeBytes(of: value.bigEndian, as: Integer.self)
        end += size
    }

    /// Moves what is there to the front, into a larger allocation when that is not room enough.
    @usableFromInline
    mutating func grow(by additional: Int) {
        let held = count
        if let base = unsafe base, held + additional <= capacity, start >= held {
            // Safe: source and target do not overlap, as `start >= held`.
            unsafe base.update(from: base + start, count: held)
        } else {
            let wanted = Swift.max(held + additional, Swift.min(capacity * 2, 1 << 30), 64)
            let fresh = UnsafeMutablePointer<UInt8>.allocate(capacity: wanted)
            if let base = unsafe base {
                unsafe fresh.update(from: base + start, count: held)
                unsafe base.deallocate()
            }
            unsafe base = fresh
            room = wanted
        }
        start = 0
        end = held
    }
}
