import DequeModule
import Reactor

/// Messages for children in the line of their parent's session, which the children's sessions have until they have left
/// it.
///
/// At most as many as that line has room for, and the client's Receive Maximum. Owns no memory while empty.
struct ChildDeliveries: Sendable {
    struct Entry: Equatable, Sendable {
        /// In the parent's line.
        let sequence: UInt64

        /// To the child's connection, and its packet identifier there.
        let link: Token
        let packetID: UInt16
    }

    /// In the order of their sequences, which is that in which they came.
    private var entries: Deque<Entry> = []

    var count: Int { entries.count }

    mutating func append(_ entry: Entry) {
        assert(entries.last.map { $0.sequence < entry.sequence } ?? true, "a line goes on")
        entries.append(entry)
    }

    /// The message of that sequence, which has left the line; `nil` when it was for no child. Mostly it is the first.
    mutating func take(_ sequence: UInt64) -> Entry? {
        var low = 0
        var high = entries.first?.sequence == sequence ? 0 : entries.count
        while low < high {
            let middle = low + (high - low) / 2
            if entries[middle].sequence < sequence { low = middle + 1 } else { high = middle }
        }
        guard low < entries.count, entries[low].sequence == sequence else { return nil }
        return entries.remove(at: low)
    }
}
