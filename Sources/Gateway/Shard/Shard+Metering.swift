import Bytes
import Ledger
import Linux
import Metering
import MQTT
import Reactor
import Time

// Counting messages against allowances, and bringing the counts to disk.
extension Shard {
    /// Counts a message of or to a device. Applications are not counted: the device that they write to
    /// is.
    mutating func charge(_ slot: UInt32, payloadBytes: Int) -> ChargeVerdict {
        guard let product = connections[slot: slot].agreement.productSlot else { return .counted }
        let day = products.day(at: product, clock.wall)
        let units = commons.messageUnit.units(payloadBytes: payloadBytes)
        let counter = meterSlot(slot, day)
        let verdict = meter.charge(
            counter,
            units: units,
            allowance: products.allowance(at: product),
            day: day
        )
        guard case .short(let missing) = verdict else {
            counters.add(.unitsCounted, Int(units))
            return .counted
        }
        let late = chargeTopUp(counter, product, units: units, missing: missing, day)
        if case .refused = late, meter.noteExhausted(counter, on: day) {
            noticeExhausted(slot, day)
        }
        return late
    }

    /// What counting `units` now would come to: whether what is left of a device's allowance, or a
    /// top-up pack, covers them. A client that is not metered needs none.
    mutating func coverage(_ slot: UInt32, units: UInt32) -> ChargeVerdict {
        guard let product = connections[slot: slot].agreement.productSlot,
            let allowance = products.allowance(at: product)
        else { return .counted }
        let day = products.day(at: product, clock.wall)
        let used = meter.usage(meterSlot(slot, day), on: day).used
        let left = allowance - min(allowance, used)
        return units <= left ? .counted : topUpCoverage(product, missing: units - left)
    }

    /// The same for a device that is away.
    mutating func coverageOfAbsent(_ session: UInt32, units: UInt32) -> ChargeVerdict {
        guard let product = sessions[slot: session].productSlot,
            case .device(let device) = sessions[slot: session].client,
            let allowance = products.allowance(at: product)
        else { return .counted }
        let day = products.day(at: product, clock.wall)
        let counter = meter.hold(device, on: day)
        defer { meter.release(counter) }
        let used = meter.usage(counter, on: day).used
        let left = allowance - min(allowance, used)
        return units <= left ? .counted : topUpCoverage(product, missing: units - left)
    }

    /// The device's counter, looked up with its first message.
    private mutating func meterSlot(_ slot: UInt32, _ day: Day) -> Meter.Slot {
        if let held = connections[slot: slot].agreement.meterSlot { return held }
        guard case .device(let device) = connections[slot: slot].agreement.client else {
            preconditionFailure("only devices are metered")
        }
        let held = meter.hold(device, on: day)
        connections[slot: slot].agreement.meterSlot = held
        return held
    }

    // MARK: What the device hears

    /// One notice per device and day, once neither allowance nor packs have anything (rules C4, C6).
    private mutating func noticeExhausted(_ slot: UInt32, _ day: Day) {
        guard let report = quotaReport(slot, day) else { return }
        notify(slot, "notice", "{\"reason\":\"quota-exhausted\",\(report)}")
    }

    /// `sys/quota/get` is answered on `sys/quota`.
    mutating func answerQuotaQuestion(_ slot: UInt32) {
        guard let product = connections[slot: slot].agreement.productSlot else { return }
        let day = products.day(at: product, clock.wall)
        guard let report = quotaReport(slot, day) else { return }
        notify(slot, "quota", "{\(report)}")
    }

    private mutating func quotaReport(_ slot: UInt32, _ day: Day) -> String? {
        guard let product = connections[slot: slot].agreement.productSlot else { return nil }
        let usage = meter.usage(meterSlot(slot, day), on: day)
        let limit = products.allowance(at: product).map(String.init) ?? "null"
        let resetsAt = day.next.start(at: products[product].product.dayOffset)
        return "\"day\":\"\(day)\",\"limit\":\(limit),\"used\":\(usage.used),"
            + "\"topUp\":\(usage.topUp),\"resetsAt\":\"\(resetsAt)\""
    }

    // MARK: Flushing

    /// On the schedule of rule C7: everything that has changed.
    ///
    /// One batch a turn, so that a million dirty counters hold up nobody.
    mutating func flushCountersIfDue() {
        if clock.monotonic >= nextFlush {
            nextFlush = clock.monotonic.adding(milliseconds: commons.flushIntervalMilliseconds)
            countsToFlush = meter.dirtyCount
            settleTopUps()
            resumeQuotaWaiters()
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
