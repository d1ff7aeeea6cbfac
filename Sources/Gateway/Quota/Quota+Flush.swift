import Linux
import Metering
import Time

// Bringing the counts to the store (rule C7).
extension Quota {
    /// True once for each flush interval (rule C7): from then on `nextScheduledBatch` has what is dirty
    /// now.
    mutating func beginFlushIfDue(at time: MonotonicInstant) -> Bool {
        guard time >= nextFlush else { return false }
        nextFlush = time.adding(milliseconds: flushMilliseconds)
        countsToFlush = meter.dirtyCount
        return true
    }

    /// The next batch of the flush that was begun; one a turn, so that a million dirty counters don't
    /// hold up the shard.
    mutating func nextScheduledBatch(at time: Timestamp) -> UsageBatch? {
        guard countsToFlush > 0 else { return nil }
        guard let batch = meter.nextBatch(at: time) else {
            countsToFlush = 0
            return nil
        }
        countsToFlush -= min(countsToFlush, batch.entries.count)
        return batch
    }

    /// The next batch of all that is dirty.
    mutating func nextBatch(at time: Timestamp) -> UsageBatch? { meter.nextBatch(at: time) }

    /// The next batch of counts of devices that have gone (rule C7: on disconnect). Departures that left no count go with
    /// it, or by themselves once a second: a transaction for each turn in which devices come and go was an eighth of what
    /// these cost.
    mutating func nextReleasedBatch(
        at time: Timestamp, _ now: MonotonicInstant
    ) -> UsageBatch? {
        guard meter.hasReleased || areDeparturesDue(at: now) else { return nil }
        nextDepartures = now.adding(milliseconds: Self.departureMilliseconds)
        return meter.nextReleasedBatch(at: time)
    }

    private func areDeparturesDue(at now: MonotonicInstant) -> Bool {
        meter.departedCount > 0
            && (now >= nextDepartures || meter.departedCount >= Self.departuresMaximum)
    }

    /// All that `nextReleasedBatch` has, and holds back: at the gateway's end.
    mutating func nextDepartureBatch(at time: Timestamp) -> UsageBatch? {
        meter.nextReleasedBatch(at: time)
    }

    private static let departureMilliseconds: Int64 = 1_000

    /// So many departures fill a batch.
    private static let departuresMaximum = 4_096

    /// A batch is on disk, or could not be written: then its counts go with a later one.
    mutating func settle(batch: UInt64, isWritten: Bool) {
        meter.settle(batch: batch, isWritten: isWritten)
    }

    /// Whether a flush has more batches.
    var isFlushing: Bool { countsToFlush > 0 }

    /// When the next flush is due; `nil` when nothing waits for one.
    var flushDue: MonotonicInstant? {
        let departures = meter.departedCount > 0 ? nextDepartures : nil
        guard meter.isDirty else { return departures }
        return min(nextFlush, departures ?? nextFlush)
    }

    /// When the next flush interval begins.
    var nextInterval: MonotonicInstant { nextFlush }

    /// Counts that the store does not have.
    var unflushedCount: Int { meter.dirtyCount + meter.carriedCount }
}
