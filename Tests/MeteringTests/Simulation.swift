import Ledger
import Metering
import Randomness
import Testing
import Time

/// Devices, a clock that steps, a store that answers late or refuses, and crashes, all from a seed;
/// with a model so simple that it can't be wrong: two numbers for each device and day.
struct Simulation: ~Copyable {
    private static var dayCount: Int32 { 20 }

    private let seed: UInt64
    private var random: SplitMix64
    private let store = MemoryStore()
    private var meter: Meter
    private let devices = (0..<6).map { device($0) }
    private var today: Int32 = dayCount / 2

    // The model.
    private var counted: [DeviceDay: UInt32] = [:]
    private var toppedUp: [DeviceDay: UInt32] = [:]
    private var noticed: Set<DeviceDay> = []
    private var confirmed: [DeviceDay: UInt32] = [:]
    private var holds: [(device: DeviceIdentity, slot: Meter.Slot)] = []

    /// Batches that the store has not seen, and those that it has, but not answered for.
    private var submitted: [UsageBatch] = []
    private var answers: [(batch: UsageBatch, isWritten: Bool)] = []

    init(seed: UInt64) {
        self.seed = seed
        random = SplitMix64(seed: seed)
        meter = store.meter()
    }

    mutating func run(steps: Int) {
        for _ in 0..<steps {
            step()
            checkView()
        }
        while let hold = holds.popLast() { meter.release(hold.slot) }
        while !submitted.isEmpty { writeOrRefuse() }
        while !answers.isEmpty { answer() }
        store.flush(&meter)
        let rest = (meter.count, meter.dirtyCount, meter.isAwaitingStore)
        #expect(rest == (0, 0, false), "seed \(seed)")
        for (key, units) in counted {
            #expect(store.used(key.device, on: key.day) == units, "seed \(seed)")
        }
        for (key, units) in toppedUp {
            #expect(store.toppedUp(key.device, on: key.day) == units, "seed \(seed)")
        }
    }

    private mutating func step() {
        switch Int.random(in: 0..<100, using: &random) {
        case ..<15: hold()
        case ..<25: release()
        case ..<60: charge()
        case ..<67: moveClock()
        case ..<75: flush(meter.nextBatch(at: noon, maximum: Int.random(in: 1...4, using: &random)))
        case ..<80: flush(meter.nextReleasedBatch(at: noon, maximum: 2))
        case ..<89: writeOrRefuse()
        case ..<98: answer()
        default: crash()
        }
    }

    private mutating func hold() {
        guard holds.count < 8, let device = devices.randomElement(using: &random) else { return }
        holds.append((device, meter.hold(device, on: day(today))))
    }

    private mutating func release() {
        guard let index = holds.indices.randomElement(using: &random) else { return }
        meter.release(holds.remove(at: index).slot)
    }

    private mutating func charge() {
        guard let (device, slot) = holds.randomElement(using: &random) else { return }
        let units = UInt32.random(in: 1...9, using: &random)
        let allowance: UInt32? = Bool.random(using: &random) ? nil : 25
        let key = DeviceDay(device, day(today))
        let used = counted[key, default: 0]
        var missing: UInt32 = 0
        if let allowance { missing = min(units, max(used + units, allowance) - allowance) }
        let verdict = meter.charge(slot, units: units, allowance: allowance, day: key.day)
        #expect(verdict == (missing == 0 ? .counted : .short(missing)), "seed \(seed)")
        if missing == 0 {
            counted[key] = used + units
        } else if Bool.random(using: &random) {
            meter.charge(slot, units: units, drawn: missing, day: key.day)
            counted[key] = used + units - missing
            toppedUp[key, default: 0] += missing
        } else {
            let isFirst = meter.noteExhausted(slot, on: key.day)
            #expect(isFirst == noticed.insert(key).inserted, "seed \(seed)")
        }
        let usage = meter.usage(slot, on: key.day)
        #expect(usage.used == counted[key, default: 0], "seed \(seed)")
        #expect(usage.topUp == toppedUp[key, default: 0], "seed \(seed)")
    }

    /// Mostly over the next midnight, in either direction.
    private mutating func moveClock() {
        let step = [-1, -1, 1, 1, 1, -3, 4].randomElement(using: &random) ?? 0
        today = min(max(today + Int32(step), 0), Self.dayCount - 1)
    }

    private mutating func flush(_ batch: UsageBatch?) {
        if let batch { submitted.append(batch) }
    }

    private mutating func writeOrRefuse() {
        guard !submitted.isEmpty else { return }
        let batch = submitted.removeFirst()
        let isWritten = Int.random(in: 0..<3, using: &random) > 0
        if isWritten { store.write(batch) }
        answers.append((batch, isWritten))
    }

    /// In any order, which is more than a store does.
    private mutating func answer() {
        guard let index = answers.indices.randomElement(using: &random) else { return }
        let (batch, isWritten) = answers.remove(at: index)
        meter.settle(batch: batch.number, isWritten: isWritten)
        guard isWritten else { return }
        for entry in batch.entries {
            confirmed[DeviceDay(entry.device, entry.usage.day), default: 0] = max(
                confirmed[DeviceDay(entry.device, entry.usage.day), default: 0], entry.usage.used)
        }
    }

    /// The memory is gone. The store has not less than it confirmed, and not more than was counted.
    private mutating func crash() {
        for (key, units) in counted {
            let kept = store.used(key.device, on: key.day)
            #expect(kept <= units && kept >= confirmed[key, default: 0], "seed \(seed)")
            counted[key] = kept
        }
        for (key, units) in toppedUp {
            let kept = store.toppedUp(key.device, on: key.day)
            #expect(kept <= units, "seed \(seed)")
            toppedUp[key] = kept
        }
        noticed = noticed.filter {
            store.records[$0.device]?.usage(on: $0.day)?.isNoticed == true
        }
        meter = store.meter()
        holds = []
        submitted = []
        answers = []
    }

    /// What the API shows of a device: the store's days, and over them memory's.
    private mutating func checkView() {
        guard let device = devices.randomElement(using: &random) else { return }
        var view = store.records[device] ?? UsageRecord()
        for usage in meter.unsettled(device) { view.record(usage) }
        for distance in 0..<Self.dayCount {
            let units = counted[DeviceDay(device, day(distance)), default: 0]
            #expect(view.used(on: day(distance)) == units, "seed \(seed)")
            let topUp = toppedUp[DeviceDay(device, day(distance)), default: 0]
            #expect(view.usage(on: day(distance))?.topUp ?? 0 == topUp, "seed \(seed)")
        }
    }
}
