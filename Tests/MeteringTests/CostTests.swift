import Glibc
import Metering
import Testing

/// What charging costs, printed. `METERING_COST_ROUNDS` sets how often: 100 or more for figures to
/// believe, in a release build, and one by default, so that it keeps running.
@Suite(.serialized) struct CostTests {
    private let store = MemoryStore()

    private var rounds: Int {
        // Safe: nothing in the tests changes the environment.
        guard let text = unsafe getenv("METERING_COST_ROUNDS") else { return 1 }
        return unsafe Int(String(cString: text)) ?? 1
    }

    /// CPU time of this thread, in nanoseconds.
    private func now() -> Double {
        var time = timespec()
        // Safe: fills the structure during the call.
        unsafe clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return Double(time.tv_sec) * 1e9 + Double(time.tv_nsec)
    }

    @Test("Cost of a charge, of one device and of many", arguments: [1, 1_000, 100_000])
    func charging(deviceCount: Int) {
        var meter = store.meter()
        let slots = (0..<deviceCount).map { meter.hold(device($0), on: day()) }
        for slot in slots { _ = meter.charge(slot, units: 1, allowance: nil, day: day()) }
        let charges = max(deviceCount, 10_000)
        let today = day()
        var refused = 0
        let start = now()
        for _ in 0..<rounds {
            for index in 0..<charges {
                let slot = slots[index % deviceCount]
                let verdict = meter.charge(slot, units: 1, allowance: .max, day: today)
                if verdict != .counted { refused += 1 }
            }
        }
        let spent = (now() - start) / Double(charges * rounds)
        print("charge, \(deviceCount) devices: \(spent) ns")
        #expect(refused == 0)
        let used = meter.used(slots[0], on: today)
        #expect(Int(used) == 1 + charges * rounds / deviceCount)
    }

    @Test("Cost of a flush, a device")
    func flushing() {
        var meter = store.meter()
        let deviceCount = 20_000
        let slots = (0..<deviceCount).map { meter.hold(device($0), on: day()) }
        var spent = 0.0
        for _ in 0..<rounds {
            for slot in slots { _ = meter.charge(slot, units: 1, allowance: nil, day: day()) }
            let start = now()
            while let batch = meter.nextBatch(at: noon) {
                meter.settle(batch: batch.number, isWritten: true)
            }
            spent += now() - start
        }
        print(
            "batch and settle, \(deviceCount) devices: \(spent / Double(deviceCount * rounds)) ns")
        #expect(!meter.isDirty && !meter.isAwaitingStore)
    }
}
