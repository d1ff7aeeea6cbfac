import Encoding
import Ledger
import Linux
import MQTT
import Metering
import Processes
import Reactor
import Sessions
import Testing
import Time

@testable import Gateway

/// The quota by itself: no store, no shard, and a time that the test makes up.
@Suite struct QuotaTests {
    private let device = DeviceIdentity(product: ProductKey("pk")!, device: DeviceKey("d1")!)
    private let account = AccountID("a1")!
    private let noon = Timestamp(milliseconds: 20_000 * 86_400_000 + 43_200_000)
    private let start = MonotonicInstant(nanoseconds: 0)

    private func quota(peers: Int = 0, waiting messages: Int = 10) -> Quota {
        Quota(
            unit: MessageUnit(bytes: 512),
            peers: peers,
            limits: (messages, 1_000_000),
            flushMilliseconds: 1_000,
            from: start,
            counters: ShardCounters()
        ) { _ in nil }
    }

    private func client(_ quota: inout Quota, unitsPerDay: UInt32?) -> NegotiatedSettings {
        var client = NegotiatedSettings()
        client.client = .device(DeviceClient(device))
        quota.keep(
            ProductFacts(
                key: device.product, account: account, dayOffset: .utc, unitsPerDay: unitsPerDay,
                freeUnitsPerDay: unitsPerDay, hasFreeOnly: false))
        client.productSlot = quota.product(device.product, isFree: false)
        return client
    }

    /// Charges a message of one unit.
    private func charge(
        _ quota: inout Quota,
        _ client: inout NegotiatedSettings,
        at time: Timestamp
    ) -> String {
        switch quota.charge(&client, payloadBytes: 1, at: time) {
        case .counted: "counted"
        case .refused(let isFirst): isFirst ? "refused first" : "refused"
        case .waits: "waits"
        }
    }

    private func isEqual<Value: Equatable>(
        _ value: Value,
        _ expected: Value,
        at location: SourceLocation = #_sourceLocation
    ) {
        #expect(value == expected, sourceLocation: location)
    }

    private func leased(_ units: UInt64) -> PackNotice {
        let lease = TopUpLease(
            id: 1, account: account, pack: 1, units: units, expiresAt: noon.adding(days: 1))
        return .leaseAnswered(.success(.done(.leased(lease))))
    }

    private var nothingLeft: PackNotice {
        .leaseAnswered(.success(.refused(.devices(.disabled(device)))))
    }

    @Test("E2: a device is noted once a day when it wants more than its allowance, pack or not")
    func seen() {
        var quota = quota()
        var client = client(&quota, unitsPerDay: 2)
        for _ in 0..<2 { isEqual(charge(&quota, &client, at: noon), "counted") }
        isEqual(quota.takeSeen().count, 0)
        isEqual(charge(&quota, &client, at: noon), "waits")
        _ = quota.nextPackAction()
        _ = quota.receive(nothingLeft, of: account)
        for _ in 0..<3 { _ = charge(&quota, &client, at: noon) }
        let digest = SeenDevices.Digest(.atDailyLimit, device.product)
        isEqual(quota.takeSeen().devices, [digest: [device.device]])
        _ = charge(&quota, &client, at: noon)
        isEqual(quota.takeSeen().count, 0)
        quota.noteRefusedForCode(device)
        quota.noteRefusedForCode(device)
        let refused = SeenDevices.Digest(.refusedForCode, device.product)
        isEqual(quota.takeSeen().devices, [refused: [device.device]])
    }

    @Test("E2: of devices that are seen a limited number is kept, and each product told of hourly")
    func reports() {
        var seen = SeenDevices()
        for number in 0..<20_000 {
            let product = ProductKey("p\(number / 2_000)")!
            let device = DeviceKey("d\(number)")!
            seen.note(DeviceIdentity(product: product, device: device), for: .refusedForCode)
        }
        isEqual(seen.count, 10_000)
        for number in 0..<20_000 {
            let product = ProductKey("q\(number / 1_000)")!
            let device = DeviceKey("d\(number)")!
            seen.note(DeviceIdentity(product: product, device: device), for: .atDailyLimit)
        }
        isEqual(seen.count, SeenDevices.maximum)
        var reports = DigestReports()
        reports.merge(seen)
        var told = 0
        for digest in reports.due(at: start) { told += reports.take(digest, at: start).count }
        isEqual(told, SeenDevices.maximum)
        // Those that wait for their hour leave room for others.
        reports.merge(seen)
        var more = SeenDevices()
        more.note(device, for: .refusedForCode)
        reports.merge(more)
        let digest = SeenDevices.Digest(.refusedForCode, device.product)
        isEqual(reports.due(at: start), [digest])
        isEqual(reports.take(digest, at: start), [device.device])
        reports.putBack([device.device], of: digest)
        isEqual(reports.take(digest, at: start), [device.device])
        isEqual(reports.due(at: start), [])
        reports = DigestReports()
        reports.merge(more)
        isEqual(reports.take(digest, at: start), [device.device])
        reports.merge(more)
        isEqual(reports.due(at: start), [])
        let later = start.adding(milliseconds: DigestReports.pauseMilliseconds)
        isEqual(reports.due(at: later).contains(digest), true)
    }

    @Test("C3, C5: the day's allowance is counted to the last unit, and is back the next day")
    func allowance() {
        var quota = quota()
        var client = client(&quota, unitsPerDay: 2)
        isEqual(charge(&quota, &client, at: noon), "counted")
        isEqual(charge(&quota, &client, at: noon), "counted")
        isEqual(charge(&quota, &client, at: noon), "waits")
        isEqual(charge(&quota, &client, at: noon.adding(days: 1)), "counted")
        isEqual(quota.unsettled(device).map(\.used), [2, 1])
    }

    private func facts(
        _ unitsPerDay: UInt32?, free: UInt32?, hasFreeOnly: Bool = false
    ) -> ProductFacts {
        ProductFacts(
            key: device.product, account: account, dayOffset: .utc, unitsPerDay: unitsPerDay,
            freeUnitsPerDay: free, hasFreeOnly: hasFreeOnly)
    }

    private func slot(
        _ catalogue: inout ProductCatalogue, isFree: Bool
    ) -> ProductCatalogue.Slot {
        guard let slot = catalogue.slot(of: device.product, isFree: isFree) else {
            preconditionFailure("the product was read")
        }
        return slot
    }

    @Test("A4: devices of a product that has free codes only keep their limit when others come")
    func freeOnly() {
        var catalogue = ProductCatalogue()
        isEqual(catalogue.slot(of: device.product, isFree: true), nil)
        catalogue.insert(facts(2, free: 2, hasFreeOnly: true))
        let free = slot(&catalogue, isFree: true)
        catalogue.count(3, at: free)
        catalogue.insert(facts(5, free: 2))
        let own = slot(&catalogue, isFree: false)
        isEqual([free, own].map { catalogue.allowance(at: $0) }, [2, 5])
        isEqual(catalogue.slot(of: device.product, isFree: true), free)
        isEqual(catalogue.slots(of: device.product), [free, own])
        catalogue.count(1, at: own)
        isEqual(catalogue.online(of: device.product), 4)
        // An upgrade holds for each.
        catalogue.insert(facts(nil, free: nil))
        isEqual([free, own].map { catalogue.allowance(at: $0) }, [nil, nil])
        // All that was bought is void: nobody has a bought code. Then others are bought.
        catalogue.insert(facts(2, free: 2, hasFreeOnly: true))
        catalogue.insert(facts(7, free: 2))
        let next = slot(&catalogue, isFree: false)
        isEqual([free, own, next].map { catalogue.allowance(at: $0) }, [2, 2, 7])
        isEqual(catalogue.online(of: device.product), 4)
    }

    @Test("A4: the first free codes of a product of bought ones change no other limit")
    func firstFree() {
        var catalogue = ProductCatalogue()
        catalogue.insert(facts(5, free: 5))
        let own = slot(&catalogue, isFree: false)
        catalogue.insert(facts(5, free: 2))
        let free = slot(&catalogue, isFree: true)
        isEqual([own, free].map { catalogue.allowance(at: $0) }, [5, 2])
        isEqual(catalogue.slot(of: device.product, isFree: false), own)
    }

    @Test("C9: without an allowance everything is counted; an application is not")
    func unlimited() {
        var quota = quota()
        var client = client(&quota, unitsPerDay: nil)
        for _ in 0..<1_000 { isEqual(charge(&quota, &client, at: noon), "counted") }
        var application = NegotiatedSettings()
        isEqual(charge(&quota, &application, at: noon), "counted")
        isEqual(quota.unsettled(device).map(\.used), [1_000])
        isEqual(quota.counterCount, 1)
    }

    @Test("C6: what is past the allowance asks for a lease, and is counted from it")
    func lease() {
        var quota = quota()
        var client = client(&quota, unitsPerDay: 0)
        guard case .waits(let stock) = quota.charge(&client, payloadBytes: 600, at: noon) else {
            Issue.record("it has to wait for units")
            return
        }
        isEqual(quota.nextPackAction(), .lease(account, needed: 2))
        isEqual(quota.nextPackAction(), nil)
        isEqual(quota.receive(leased(100), of: account), [.retry(stock)])
        isEqual(charge(&quota, &client, at: noon), "counted")
        isEqual(quota.unsettled(device).map(\.topUp), [1])
        isEqual(quota.isSettled, false)
        isEqual(
            quota.giveBackPacks(),
            [.settle(account, TopUpSettlement(lease: 1, used: 1, returned: 99, uses: [device: 1]))])
    }

    @Test("C6: a shard that ends gives back what it holds, and asks for no more ahead of need")
    func end() {
        var quota = quota()
        var client = client(&quota, unitsPerDay: 0)
        isEqual(charge(&quota, &client, at: noon), "waits")
        _ = quota.nextPackAction()
        _ = quota.receive(leased(100), of: account)
        isEqual(charge(&quota, &client, at: noon), "counted")
        isEqual(quota.giveBackPacks().count, 1)
        isEqual(quota.nextPackAction(), nil)
    }

    @Test("C10: units that are set aside are spent by what they were set aside for only")
    func reserved() {
        var quota = quota()
        var client = client(&quota, unitsPerDay: 5)
        quota.reserve(&client, units: 3, at: noon)
        isEqual(charge(&quota, &client, at: noon), "counted")
        isEqual(charge(&quota, &client, at: noon), "counted")
        isEqual(charge(&quota, &client, at: noon), "waits")
        for _ in 0..<3 {
            guard
                case .counted = quota.charge(&client, payloadBytes: 1, isReserved: true, at: noon)
            else {
                Issue.record("it was set aside")
                return
            }
        }
        isEqual(quota.unsettled(device).map(\.used), [5])
        quota.reserve(&client, units: 0, at: noon)
        isEqual(charge(&quota, &client, at: noon.adding(days: 1)), "counted")
    }

    @Test("C11: a notice that was not heard is due, on its day only, and given once")
    func unheard() {
        var quota = quota()
        var client = client(&quota, unitsPerDay: 0)
        isEqual(charge(&quota, &client, at: noon), "waits")
        _ = quota.nextPackAction()
        _ = quota.receive(nothingLeft, of: account)
        isEqual(charge(&quota, &client, at: noon), "refused first")
        quota.noteUnheard(&client, at: noon)
        isEqual(charge(&quota, &client, at: noon), "refused first")
        quota.noteUnheard(&client, at: noon)
        isEqual(quota.takeOwedNotice(&client, at: noon.adding(days: 1)), false)
        isEqual(charge(&quota, &client, at: noon), "refused first")
        quota.noteUnheard(&client, at: noon)
        isEqual(quota.takeOwedNotice(&client, at: noon), true)
        isEqual(quota.takeOwedNotice(&client, at: noon), false)
        isEqual(charge(&quota, &client, at: noon), "refused")
    }

    @Test("C4: when no pack has anything left, the device is told once a day")
    func exhausted() {
        var quota = quota()
        var client = client(&quota, unitsPerDay: 0)
        isEqual(charge(&quota, &client, at: noon), "waits")
        _ = quota.nextPackAction()
        _ = quota.receive(nothingLeft, of: account)
        isEqual(charge(&quota, &client, at: noon), "refused first")
        isEqual(charge(&quota, &client, at: noon), "refused")
        isEqual(charge(&quota, &client, at: noon.adding(days: 1)), "refused first")
    }

    @Test("C6: the other shards are asked for what they hold before a message is refused")
    func recall() {
        var quota = quota(peers: 1)
        var client = client(&quota, unitsPerDay: 0)
        isEqual(charge(&quota, &client, at: noon), "waits")
        _ = quota.nextPackAction()
        _ = quota.receive(nothingLeft, of: account)
        isEqual(charge(&quota, &client, at: noon), "waits")
        isEqual(quota.nextPackAction(), .recall(account))
        isEqual(quota.receive(.recalled(hasReturned: false), of: account).count, 1)
        isEqual(charge(&quota, &client, at: noon), "refused first")
    }

    @Test("a shard that holds nothing of an account answers a recall all the same")
    func recallOfNothing() {
        var quota = quota(peers: 1)
        isEqual(
            quota.receive(.recall(by: 1), of: account),
            [.answerRecall(account, by: 1, hasReturned: false)])
    }

    @Test("what waits for units is limited, and comes back in its order")
    func waiters() {
        var quota = quota(waiting: 1)
        var client = client(&quota, unitsPerDay: 0)
        guard case .waits(let stock) = quota.charge(&client, payloadBytes: 1, at: noon) else {
            Issue.record("it has to wait for units")
            return
        }
        let product = client.productSlot!
        let will = PackWaiter.will(
            Message(topic: [], payload: [1], qos: .atMostOnce), isRetained: false, device, product)
        isEqual(quota.wait(.publisher(Token(slot: 1, generation: 1)), at: stock), true)
        isEqual(quota.wait(will, at: stock), true)
        isEqual(quota.wait(will, at: stock), false)
        isEqual(quota.takeWaiters(at: stock).map(\.message?.payload.count), [nil, 1])
        isEqual(quota.wait(will, at: stock), true)
    }

    @Test(
        "C7: departures without a count are told of at once, then once a second; counts never wait")
    func departures() {
        var quota = quota()
        var client = client(&quota, unitsPerDay: nil)
        func leave(_ milliseconds: Int64) -> Int? {
            quota.noteDeparture(of: client, at: noon.adding(milliseconds: milliseconds))
            return tell(milliseconds)
        }
        func tell(_ milliseconds: Int64) -> Int? {
            quota.nextReleasedBatch(
                at: noon.adding(milliseconds: milliseconds),
                start.adding(milliseconds: milliseconds))?.entries.count
        }
        isEqual(leave(0), 1)
        isEqual(leave(10), nil)
        isEqual(leave(20), nil)
        isEqual(quota.flushDue, start.adding(milliseconds: 1_000))
        isEqual(tell(999), nil)
        isEqual(tell(1_000), 2)
        isEqual(quota.flushDue, nil)
        // A count goes at once, and takes those along that wait.
        isEqual(leave(1_010), nil)
        isEqual(charge(&quota, &client, at: noon), "counted")
        quota.noteDeparture(of: client, at: noon)
        if let counter = client.meterSlot { quota.release(counter) }
        isEqual(tell(1_020), 2)
        // Many fill a batch.
        client.meterSlot = nil
        for _ in 0..<4_095 { quota.noteDeparture(of: client, at: noon) }
        isEqual(tell(1_030), nil)
        quota.noteDeparture(of: client, at: noon)
        isEqual(tell(1_030), 4_096)
        // The gateway ends: nothing is left.
        quota.noteDeparture(of: client, at: noon)
        isEqual(quota.nextDepartureBatch(at: noon)?.entries.count, 1)
        isEqual(quota.nextDepartureBatch(at: noon) == nil, true)
    }

    @Test(
        "C7: what has changed is flushed once in each interval, and again when it was not written")
    func flush() {
        var quota = quota()
        var client = client(&quota, unitsPerDay: nil)
        isEqual(quota.flushDue, nil)
        isEqual(charge(&quota, &client, at: noon), "counted")
        isEqual(quota.flushDue, start.adding(milliseconds: 1_000))
        isEqual(quota.beginFlushIfDue(at: start.adding(milliseconds: 999)), false)
        isEqual(quota.nextScheduledBatch(at: noon) == nil, true)
        isEqual(quota.beginFlushIfDue(at: start.adding(milliseconds: 1_000)), true)
        guard let batch = quota.nextScheduledBatch(at: noon) else {
            Issue.record("there is something to flush")
            return
        }
        isEqual(batch.entries.map(\.usage.used), [1])
        isEqual(quota.isFlushing, false)
        isEqual(quota.isSettled, false)
        quota.settle(batch: batch.number, isWritten: false)
        isEqual(quota.nextBatch(at: noon)?.entries.map(\.usage.used), [1])
    }
}
