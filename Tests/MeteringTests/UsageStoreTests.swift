import Ledger
import Metering
import Randomness
import Storage
import TestFiles
import Testing
import Time

@Suite struct UsageStoreTests {
    private let directory = TemporaryDirectory()

    private func open() throws(StoreError) -> UsageStore {
        try UsageStore(path: directory.path, mapSizeBytes: 1 << 24)
    }

    private func meter(_ store: UsageStore) -> Meter {
        Meter { device in
            do throws(StoreError) {
                return try store.usage(of: device)
            } catch {
                Issue.record(error)
                return nil
            }
        }
    }

    /// Submits all that is dirty, three counts at a time.
    private func submit(_ meter: inout Meter, to store: UsageStore) -> Answers {
        let answers = Answers()
        while let batch = meter.nextBatch(at: noon, maximum: 3) {
            let number = batch.number
            answers.expect()
            store.submit(batch) { answers.note(number, $0) }
        }
        return answers
    }

    @Test("C7: after a crash a count is what was flushed, at most one interval behind, never ahead")
    func crash() throws {
        var expected: UInt32 = 0
        for round in 0..<3 as Range<UInt32> {
            let store = try open()
            var meter = meter(store)
            let slots = (0..<5).map { meter.hold(device($0), on: day()) }
            for slot in slots {
                let used = meter.used(slot, on: day())
                #expect(used == expected)
                _ = meter.charge(slot, units: round + 2, allowance: nil, day: day())
            }
            let answers = submit(&meter, to: store)
            // Never flushed: lost with the process.
            for slot in slots { _ = meter.charge(slot, units: 9, allowance: nil, day: day()) }
            expected += round + 2
            store.shutdown()
            #expect(answers.all.count == 2 && answers.all.allSatisfy(\.isWritten))
        }
        let store = try open()
        for number in 0..<5 {
            let record = try store.usage(of: device(number))
            #expect(record?.days == [DayUsage(day: day(), used: expected)])
            #expect(record?.seenAt == noon)
        }
        let total = try store.total(of: device(0).product, on: day())
        #expect(total == UInt64(5 * expected))
    }

    @Test("C8: a product's days, each with the total of its devices, and no other product's")
    func productDays() throws {
        let store = try open()
        var meter = meter(store)
        let slots = (0..<3).map { meter.hold(device($0), on: day()) }
        for ahead in [0, 1, 4] as [Int32] {
            for slot in slots {
                _ = meter.charge(slot, units: UInt32(ahead) + 2, allowance: nil, day: day(ahead))
            }
        }
        let slot = meter.hold(device(0, of: "pk0"), on: day())
        _ = meter.charge(slot, units: 100, allowance: nil, day: day())
        submit(&meter, to: store).wait()
        let product = device(0).product
        let all = [
            ProductDay(day: day(), used: 6, devices: 3),
            ProductDay(day: day(1), used: 9, devices: 3),
            ProductDay(day: day(4), used: 18, devices: 3),
        ]
        #expect(try store.totals(of: product, in: day(-9)...day(9)) == all)
        #expect(try store.totals(of: product, in: day(1)...day(4)) == Array(all.dropFirst()))
        #expect(try store.totals(of: product, in: day()...day(9), limit: 1) == [all[0]])
        #expect(try store.totals(of: product, in: day(2)...day(3)).isEmpty)
        store.shutdown()
    }

    @Test("C8: counts of other nodes are gone on from, and in no total of this store's products")
    func adopted() throws {
        let store = try open()
        let answers = Answers()
        answers.expect()
        let usage = DayUsage(day: day(), used: 40, topUp: 2)
        store.adopt([UsageBatch.Entry(device: device(0), usage: usage)], at: noon) {
            answers.note(0, $0)
        }
        answers.wait()
        var meter = meter(store)
        let slot = meter.hold(device(0), on: day())
        let found = meter.usage(slot, on: day()).used
        #expect(found == 40)
        // More has been heard of it meanwhile.
        meter.adopt(DayUsage(day: day(), used: 45), by: slot)
        let last = meter.charge(slot, units: 5, allowance: 50, day: day())
        let past = meter.charge(slot, units: 1, allowance: 50, day: day())
        #expect(last == .counted && past == .short(1))
        submit(&meter, to: store).wait()
        #expect(try store.usage(of: device(0))?.used(on: day()) == 50)
        // What was adopted in memory only is taken to be this node's.
        #expect(try store.total(of: device(0).product, on: day()) == 10)
        #expect(try store.verify().isEmpty)
        store.shutdown()
    }

    @Test("C7: what a store that takes nothing more has refused is in the next store's first flush")
    func refused() throws {
        var store = try open()
        var meter = meter(store)
        let slots = (0..<5).map { meter.hold(device($0), on: day()) }
        for slot in slots { _ = meter.charge(slot, units: 4, allowance: nil, day: day()) }
        store.shutdown()
        let refusals = submit(&meter, to: store).all
        #expect(refusals.count == 2 && !meter.isDirty)
        for (number, isWritten) in refusals {
            #expect(!isWritten)
            meter.settle(batch: number, isWritten: isWritten)
        }
        #expect(meter.dirtyCount == 5)
        for slot in slots { meter.release(slot) }
        // The meter's closure keeps the old store, and so its environment, open.
        let other = TemporaryDirectory()
        store = try UsageStore(path: other.path, mapSizeBytes: 1 << 24)
        let answers = submit(&meter, to: store)
        store.shutdown()
        for (number, isWritten) in answers.all { meter.settle(batch: number, isWritten: isWritten) }
        #expect(meter.count == 0)
        let total = try store.total(of: device(0).product, on: day())
        #expect(total == 20)
    }

    @Test("C8: each day's total of a product is the sum of its devices' counts", arguments: [1, 2])
    func totals(seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        let store = try open()
        var meter = meter(store)
        let products = ["pk1", "pk2"]
        let devices = products.flatMap { product in (0..<4).map { device($0, of: product) } }
        let slots = devices.map { meter.hold($0, on: day()) }
        let days = -3...3 as ClosedRange<Int32>
        var counted: [DeviceDay: UInt32] = [:]
        for _ in 0..<40 {
            let today = day(Int32.random(in: days, using: &random))
            for _ in 0..<10 {
                let index = Int.random(in: devices.indices, using: &random)
                _ = meter.charge(slots[index], units: 3, allowance: nil, day: today)
                counted[DeviceDay(devices[index], today), default: 0] += 3
            }
            // Some flushes are written and called refused: they are written twice.
            let isConfirmed = Bool.random(using: &random)
            let answers = submit(&meter, to: store)
            answers.wait()
            for (number, isWritten) in answers.all {
                meter.settle(batch: number, isWritten: isWritten && isConfirmed)
            }
        }
        submit(&meter, to: store).wait()
        for product in products {
            for distance in days {
                var sum: UInt64 = 0
                for device in devices where device.product.text == product {
                    let used = try store.usage(of: device)?.used(on: day(distance)) ?? 0
                    #expect(used == counted[DeviceDay(device, day(distance))] ?? 0)
                    sum += UInt64(used)
                }
                let key = try #require(ProductKey(product))
                let total = try store.total(of: key, on: day(distance))
                #expect(total == sum)
            }
        }
    }

    @Test("C6, C8: a product's total has the units from top-up packs in it")
    func toppedUp() throws {
        let store = try open()
        var meter = meter(store)
        let slot = meter.hold(device(1), on: day())
        for _ in 0..<2 {
            meter.charge(slot, units: 5, drawn: 2, day: day())
            let answers = submit(&meter, to: store)
            answers.wait()
            for (number, isWritten) in answers.all {
                meter.settle(batch: number, isWritten: isWritten)
            }
        }
        let record = try #require(try store.usage(of: device(1)))
        #expect(record.days == [DayUsage(day: day(), used: 6, topUp: 4)])
        let total = try store.total(of: device(1).product, on: day())
        #expect(total == 10)
        let days = try store.totals(of: device(1).product, in: day()...day())
        #expect(days == [ProductDay(day: day(), used: 6, topUp: 4, devices: 1)])
    }

    @Test("C8: a device's record and its product's totals after 40 days")
    func fortyDays() throws {
        let store = try open()
        var meter = meter(store)
        let slot = meter.hold(device(1), on: day())
        for distance in 0..<40 as Range<Int32> {
            _ = meter.charge(slot, units: 2, allowance: nil, day: day(distance))
            let answers = submit(&meter, to: store)
            answers.wait()
            for (number, isWritten) in answers.all {
                meter.settle(batch: number, isWritten: isWritten)
            }
        }
        let record = try #require(try store.usage(of: device(1)))
        #expect(record.days == (9..<40).map { DayUsage(day: day($0), used: 2) })
        for distance in 0..<40 as Range<Int32> {
            let total = try store.total(of: device(1).product, on: day(distance))
            #expect(total == 2)
        }
    }
}
