// The array under the queue: done with at the front, then in order, with gaps where messages behind the
// oldest were done with before it.
extension DeliveryQueue {
    /// Gaps are closed when there are more of them than messages, and so many more: each costs the
    /// moving of at most one message.
    private static var gapsAllowed: Int { 16 }

    /// Where a sequence is. Without gaps its distance from the front says so.
    func index(of sequence: UInt64) -> Int? {
        guard head < entries.count, sequence >= entries[head].sequence else { return nil }
        let distance = sequence - entries[head].sequence
        var low = head
        var high = entries.count
        if distance < UInt64(high - low) {
            let guess = low + Int(distance)
            if entries[guess].sequence == sequence { return guess }
            // Gaps only move what is behind them to the front.
            high = guess
        }
        while low < high {
            let middle = low + (high - low) / 2
            if entries[middle].sequence < sequence { low = middle + 1 } else { high = middle }
        }
        guard low < entries.count, entries[low].sequence == sequence else { return nil }
        return low
    }

    /// Whether a message can be sent without taking an identifier that is in use.
    func isWithinSpan(_ sequence: UInt64) -> Bool {
        head == entries.count || sequence - entries[head].sequence <= Self.maximumSpan
    }

    /// Passes what is not to be sent.
    mutating func advance() {
        while cursor < entries.count {
            switch entries[cursor].state {
            case .sent, .received, .released, .done: cursor += 1
            case .storing, .waiting: return
            }
        }
    }

    /// A message is sent, or never will be: it counts among the unsent no more.
    mutating func settle(_ index: Int) {
        guard let content = entries[index].content else { return }
        if !entries[index].isCharged {
            uncoveredUnits -= UInt64(content.units)
            entries[index].isCharged = true
        }
        if !entries[index].isDuplicate, content.message.expiresAt != nil {
            expiringCount -= 1
            entries[index].isDuplicate = true
        }
    }

    /// Lets go of a message's content, which is not needed any more.
    mutating func forget(_ index: Int) {
        guard let content = entries[index].content else { return }
        keptCount -= 1
        keptBytes -= content.byteCount
        entries[index].content = nil
    }

    mutating func finish(_ index: Int, trims: Bool = true) {
        switch entries[index].state {
        case .sent, .received, .released: inFlightCount -= 1
        case .storing, .waiting, .done: break
        }
        settle(index)
        forget(index)
        entries[index].state = .done
        doneCount += 1
        if trims { trim() }
    }

    /// Gives up what is done with at the front, and closes gaps when they are many.
    mutating func trim() {
        while head < entries.count, entries[head].state == .done {
            head += 1
            doneCount -= 1
        }
        if head == entries.count {
            entries = []
            head = 0
            cursor = 0
            return
        }
        cursor = max(cursor, head)
        if doneCount > count + Self.gapsAllowed {
            let sent = entries[head..<cursor].count { $0.state != .done }
            entries = entries[head...].filter { $0.state != .done }
            head = 0
            doneCount = 0
            cursor = sent
        } else if head > entries.count / 2 && head > Self.gapsAllowed {
            entries.removeFirst(head)
            cursor -= head
            head = 0
        }
    }
}

extension DeliveryQueue {
    /// The queue of a session that comes from the store: all that is in it waits, or is released.
    ///
    /// What the store knows to have been sent is a duplicate, and has been counted. Of a session that
    /// was connected when its process ended, more may have been sent than the store was told in time:
    /// all of it may be a duplicate, and what is in doubt is counted now, as a process that ends so
    /// suddenly has not brought its last counts to disk either.
    public init(restoring session: StoredSession, limit: UInt16) {
        self.init(keepsSent: true, limit: limit)
        let wasConnected = session.record.endedAt == nil
        for (sequence, record) in session.queue {
            let isSent = sequence < session.sentBelow
            switch record {
            case .message(let content):
                add(
                    Entry(
                        sequence: sequence,
                        isExactlyOnce: content.isExactlyOnce,
                        content: content,
                        state: .waiting,
                        isDuplicate: isSent || wasConnected,
                        isCharged: isSent
                    )
                )
            case .released:
                add(
                    Entry(
                        sequence: sequence,
                        isExactlyOnce: true,
                        state: .released,
                        isDuplicate: true,
                        isCharged: true
                    )
                )
                inFlightCount += 1
            }
        }
        nextSequence = max(session.sentBelow, entries.last.map { $0.sequence + 1 } ?? 0)
    }
}

// Messages of shared subscriptions (4.8.2).
extension DeliveryQueue {
    /// The messages that another member of their share may get in place of this client, oldest first:
    /// those of QoS 1 that it has not acknowledged, and those of QoS 2 that were never sent to it
    /// ([MQTT-4.8.2-4], [MQTT-4.8.2-5]). Takes time with its length.
    public var redistributable: [(sequence: UInt64, content: QueuedMessage)] {
        entries[head...].compactMap { entry in
            guard let content = entry.content, content.sharedFilter != nil else { return nil }
            switch entry.state {
            case .storing, .received, .released, .done: return nil
            case .waiting, .sent: break
            }
            if entry.isExactlyOnce, entry.isDuplicate || entry.state == .sent { return nil }
            return (entry.sequence, content)
        }
    }
}
