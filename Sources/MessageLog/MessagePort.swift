import Bytes
public import Linux
import Synchronization
public import Time

/// Where a shard puts messages: a buffer of its own, which goes to the writer when it is full or old enough. It waits for
/// nothing. While more than a limit of the shard's bytes wait for the writer, messages are dropped, and counted.
@safe
public struct MessagePort: ~Copyable {
    private let log: MessageLog?
    private let waiting = WaitingBytes()
    private var buffer = ByteBuffer()
    private var count = 0

    /// When the first message came that is in the buffer.
    private var since: MonotonicInstant?

    /// A buffer that is handed over at once: 64 KiB.
    static var fullBytes: Int { 65_536 }

    /// What may wait for the writer, of one shard: 16 MiB.
    static var waitingMaximum: Int { 16 << 20 }

    /// - Parameter log: `nil`: nothing is kept.
    public init(_ log: MessageLog?) { self.log = log }

    /// Takes a message of the device whose topics begin with `prefix`, `d/PK/DK/`.
    ///
    /// - Parameters:
    ///   - days: how long it is kept; at 0 it is not.
    ///   - monotonic: the same moment as `time`.
    @inline(never)
    public mutating func append(
        keptFor days: UInt16,
        at time: Timestamp,
        _ monotonic: MonotonicInstant,
        _ direction: StoredMessage.Direction,
        qos: UInt8,
        isRetained: Bool,
        isDuplicate: Bool,
        prefix: Span<UInt8>,
        topic: Span<UInt8>,
        payload: Span<UInt8>
    ) {
        guard let log, days > 0 else { return }
        guard waiting.bytes.load(ordering: .relaxed) <= Self.waitingMaximum else {
            log.figures.dropped.add(1, ordering: .relaxed)
            return
        }
        let isOwn = topic.hasPrefix(prefix)
        let rest = isOwn ? topic.extracting(droppingFirst: prefix.count) : topic
        let flags = RecordFlags(
            direction: direction, qos: qos, isRetained: isRetained, isDuplicate: isDuplicate,
            hasWholeTopic: !isOwn)
        let owner = prefix.extracting(2..<prefix.count - 1)
        buffer.reserve(RawMessage.headBytes + owner.count + rest.count + payload.count)
        RawMessage.Head(
            days: days, time: time, flags: flags, ownerBytes: owner.count, topicBytes: rest.count,
            payloadBytes: payload.count
        ).encode(into: &buffer)
        buffer.append(owner)
        buffer.append(rest)
        buffer.append(payload)
        count += 1
        if since == nil {
            since = monotonic
            log.noteMessage()
        }
        if buffer.count >= Self.fullBytes { handOver() }
    }

    /// When the buffer is to be handed over; `nil`: it is empty.
    public var due: MonotonicInstant? {
        guard let since, let log else { return nil }
        return since.adding(milliseconds: log.settings.flushMilliseconds)
    }

    /// Hands the buffer over, if it is due.
    @inline(__always)
    public mutating func handOverIfDue(at time: MonotonicInstant) {
        if since != nil { handOverDue(at: time) }
    }

    private mutating func handOverDue(at time: MonotonicInstant) {
        if let due, due <= time { handOver() }
    }

    /// Hands over what there is.
    public mutating func handOver() {
        since = nil
        guard count > 0, let log else { return }
        var full = ByteBuffer(capacity: Self.fullBytes + 4_096)
        swap(&full, &buffer)
        let batch = MessageBatch(full, count: count, of: waiting)
        count = 0
        log.take(batch)
    }
}

/// What of a shard waits for the writer.
final class WaitingBytes: Sendable {
    let bytes = Atomic<Int>(0)
}

/// Messages on their way from a shard to the writer.
final class MessageBatch: Sendable {
    let bytes: ByteBuffer
    let count: Int
    private let waiting: WaitingBytes

    init(_ bytes: consuming ByteBuffer, count: Int, of waiting: WaitingBytes) {
        waiting.bytes.add(bytes.count, ordering: .relaxed)
        self.bytes = bytes
        self.count = count
        self.waiting = waiting
    }

    /// Lends the bytes.
    func withBytes(_ body: (Span<UInt8>) -> Void) { Self.lend(bytes, body) }

    private static func lend(_ bytes: borrowing ByteBuffer, _ body: (Span<UInt8>) -> Void) {
        body(bytes.span)
    }

    /// It waits until it is written, or dropped.
    deinit { waiting.bytes.subtract(bytes.count, ordering: .relaxed) }
}

/// A message in such a batch: the head, whose it is, the topic, the payload.
struct RawMessage {
    struct Head {
        let days: UInt16
        let time: Timestamp
        let flags: RecordFlags
        let ownerBytes: Int
        let topicBytes: Int
        let payloadBytes: Int

        var bytes: Int { RawMessage.headBytes + ownerBytes + topicBytes + payloadBytes }

        init(
            days: UInt16, time: Timestamp, flags: RecordFlags, ownerBytes: Int, topicBytes: Int,
            payloadBytes: Int
        ) {
            self.days = days
            self.time = time
            self.flags = flags
            self.ownerBytes = ownerBytes
            self.topicBytes = topicBytes
            self.payloadBytes = payloadBytes
        }

        func encode(into buffer: inout ByteBuffer) {
            buffer.append(UInt64(bitPattern: time.milliseconds))
            buffer.append(
                UInt64(payloadBytes) << 32 | UInt64(topicBytes) << 16 | UInt64(days))
            buffer.append(UInt16(ownerBytes) << 8 | UInt16(flags.rawValue))
        }

        /// The one at `offset` of a batch. Traps when there is none.
        init(_ batch: Span<UInt8>, at offset: Int) {
            let sizes = batch.word(at: offset + 8)
            self.init(
                days: UInt16(truncatingIfNeeded: sizes),
                time: Timestamp(milliseconds: Int64(bitPattern: batch.word(at: offset))),
                flags: RecordFlags(rawValue: batch[offset + 17]),
                ownerBytes: Int(batch[offset + 16]), topicBytes: Int(sizes >> 16 & 0xFFFF),
                payloadBytes: Int(sizes >> 32))
        }
    }

    static var headBytes: Int { 18 }
}

extension Span<UInt8> {
    /// The big-endian integer of eight bytes at `offset`. Traps when there are fewer.
    @inline(__always)
    func word(at offset: Int) -> UInt64 {
        precondition(offset >= 0 && offset + 8 <= count, "outside the bytes")
        // Safe: all eight are inside, as has just been checked, and any bytes are a UInt64.
        return unsafe bytes.unsafeLoadUnaligned(
            fromUncheckedByteOffset: offset, as: UInt64.self
        ).bigEndian
    }
}
