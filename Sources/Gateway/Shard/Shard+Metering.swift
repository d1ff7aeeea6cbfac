import Bytes
import Ledger
import Linux
import Metering
import MQTT
import Reactor
import Time

// Counting messages against allowances, and bringing the counts to disk.
extension Shard {
    /// Counts an uplink message of a device; the reason when its units would cross the allowance.
    /// Applications are not counted: the device that they write to is.
    mutating func charge(_ slot: UInt32, payloadBytes: Int) -> Reason? {
        guard let product = connections[slot: slot].session.productSlot else { return nil }
        let day = products.day(at: product, clock.wall)
        let units = commons.messageUnit.units(payloadBytes: payloadBytes)
        let verdict = meter.charge(
            meterSlot(slot, day),
            units: units,
            allowance: products.allowance(at: product),
            day: day
        )
        switch verdict {
        case .counted:
            counters.add(.unitsCounted, Int(units))
            return nil
        case .exhausted(let isFirst):
            counters.add(.publishesOverQuota)
            if isFirst { noticeExhausted(slot, day) }
            return .quotaExceeded
        }
    }

    /// Counts a message that is being handed to a device; false when it must not be.
    mutating func chargeDelivery(_ slot: UInt32, _ message: borrowing OutboundMessage) -> Bool {
        guard let product = connections[slot: slot].session.productSlot else { return true }
        let day = products.day(at: product, clock.wall)
        let units = commons.messageUnit.units(payloadBytes: message.payload.count)
        let verdict = meter.charge(
            meterSlot(slot, day),
            units: units,
            allowance: products.allowance(at: product),
            day: day
        )
        guard case .exhausted(let isFirst) = verdict else {
            counters.add(.unitsCounted, Int(units))
            return true
        }
        if isFirst { noticeExhausted(slot, day) }
        return false
    }

    /// Whether what is left of a device's allowance covers `units`; a client that is not metered needs
    /// none.
    mutating func isCovered(_ slot: UInt32, units: UInt32) -> Bool {
        guard let product = connections[slot: slot].session.productSlot,
            let allowance = products.allowance(at: product)
        else { return true }
        let day = products.day(at: product, clock.wall)
        let used = meter.used(meterSlot(slot, day), on: day)
        return UInt64(used) + UInt64(units) <= UInt64(allowance)
    }

    /// The device's counter, looked up with its first message.
    private mutating func meterSlot(_ slot: UInt32, _ day: Day) -> Meter.Slot {
        if let held = connections[slot: slot].session.meterSlot { return held }
        guard case .device(let device) = connections[slot: slot].session.client else {
            preconditionFailure("only devices are metered")
        }
        let held = meter.hold(device, on: day)
        connections[slot: slot].session.meterSlot = held
        return held
    }

    // MARK: What the device hears

    /// One notice per device and day (rule C4).
    private mutating func noticeExhausted(_ slot: UInt32, _ day: Day) {
        guard let report = quotaReport(slot, day) else { return }
        notify(slot, "notice", "{\"reason\":\"quota-exhausted\",\(report)}")
    }

    /// `sys/quota/get` is answered on `sys/quota`.
    mutating func answerQuotaQuestion(_ slot: UInt32) {
        guard let product = connections[slot: slot].session.productSlot else { return }
        let day = products.day(at: product, clock.wall)
        guard let report = quotaReport(slot, day) else { return }
        notify(slot, "quota", "{\(report)}")
    }

    private mutating func quotaReport(_ slot: UInt32, _ day: Day) -> String? {
        guard let product = connections[slot: slot].session.productSlot else { return nil }
        let used = meter.used(meterSlot(slot, day), on: day)
        let limit = products.allowance(at: product).map(String.init) ?? "null"
        let resetsAt = day.next.start(at: products[product].product.dayOffset)
        return "\"day\":\"\(day)\",\"limit\":\(limit),\"used\":\(used),\"topUp\":0,"
            + "\"resetsAt\":\"\(resetsAt)\""
    }

    // MARK: Flushing

    /// On the schedule of rule C7: everything that has changed.
    ///
    /// One batch a turn, so that a million dirty counters hold up nobody.
    mutating func flushCountersIfDue() {
        if clock.monotonic >= nextFlush {
            nextFlush = clock.monotonic.adding(milliseconds: commons.flushIntervalMilliseconds)
            countsToFlush = meter.dirtyCount
        }
        guard countsToFlush > 0 else { return }
        guard let batch = meter.nextBatch(at: clock.wall) else {
            countsToFlush = 0
            return
        }
        countsToFlush -= min(countsToFlush, batch.entries.count)
        submit(batch)
    }

    /// Submits every count that has changed.
    mutating func flushCounters() {
        while let batch = meter.nextBatch(at: clock.wall) { submit(batch) }
    }

    /// Submits the counts of the devices that went in this turn (rule C7: on disconnect).
    mutating func flushReleasedCounters() {
        while let batch = meter.nextReleasedBatch(at: clock.wall) { submit(batch) }
    }

    private func submit(_ batch: UsageBatch) {
        let mailbox = commons.mailboxes[index]
        let number = batch.number
        commons.usage.submit(batch) { result in
            let isWritten = if case .success = result { true } else { false }
            mailbox.post(.usageWritten(batch: number, isWritten: isWritten))
        }
    }
}
