internal import Bytes

/// The part of a record that has arrived. It has memory only while there is one, for which a connection that is idle
/// has no room.
@safe
struct PartialRecord: ~Copyable, Sendable {
    // Safe: owned by this value alone, and freed once.
    private nonisolated(unsafe) var buffer: UnsafeMutablePointer<ByteBuffer>? = nil

    deinit {
        unsafe buffer?.deinitialize(count: 1)
        unsafe buffer?.deallocate()
    }

    var isEmpty: Bool { unsafe buffer == nil }

    /// What has arrived, borrowed until the next change.
    var span: Span<UInt8> {
        @_lifetime(borrow self)
        get {
            guard let buffer = unsafe buffer else { return Span() }
            let span = unsafe buffer.pointee.span
            // Safe: the bytes are this value's own.
            return unsafe _overrideLifetime(span, borrowing: self)
        }
    }

    /// The record's header, if it is complete.
    var header: RecordHeader? {
        span.count >= RecordHeader.length ? RecordHeader(span) : nil
    }

    /// Whether all of the record is there.
    var isComplete: Bool {
        guard let header else { return false }
        return span.count == header.recordLength
    }

    /// Takes as much of `bytes` as the record lacks; answers how much.
    mutating func fill(from bytes: Span<UInt8>) -> Int {
        let head = min(max(RecordHeader.length - span.count, 0), bytes.count)
        append(bytes.extracting(0..<head))
        guard let header else { return head }
        let end = min(head + header.recordLength - span.count, bytes.count)
        append(bytes.extracting(head..<end))
        return end
    }

    mutating func append(_ bytes: Span<UInt8>) {
        guard bytes.count > 0 else { return }
        if unsafe buffer == nil {
            let fresh = UnsafeMutablePointer<ByteBuffer>.allocate(capacity: 1)
            unsafe fresh.initialize(to: ByteBuffer())
            unsafe buffer = unsafe fresh
        }
        unsafe buffer?.pointee.append(bytes)
    }

    /// Gives the memory back.
    mutating func clear() {
        unsafe buffer?.deinitialize(count: 1)
        unsafe buffer?.deallocate()
        unsafe buffer = nil
    }
}
