import Telemetry
import Testing

enum Sample: Int, CaseIterable, Sendable {
    case connects
    case refusals
    case bytes
}

@Suite struct CounterTests {
    @Test("Counters begin at zero, count what they are told, and don't touch each other")
    func counters() {
        let counters = CounterBlock<Sample>()
        #expect(Sample.allCases.allSatisfy { counters.value(of: $0) == 0 })
        counters.add(to: .connects)
        counters.add(to: .connects)
        counters.add(1_000, to: .bytes)
        #expect(counters.value(of: .connects) == 2)
        #expect(counters.value(of: .refusals) == 0)
        #expect(counters.value(of: .bytes) == 1_000)
    }

    @Test("Gauges go up and down, and below zero")
    func gauges() {
        let gauges = GaugeBlock<Sample>()
        gauges.set(.connects, to: 5)
        gauges.add(-7, to: .connects)
        gauges.add(1, to: .bytes)
        #expect(gauges.value(of: .connects) == -2)
        #expect(gauges.value(of: .refusals) == 0)
        #expect(gauges.value(of: .bytes) == 1)
    }

    @Test("Another thread reads a counter that grows and never shrinks")
    func concurrentReader() async {
        let counters = CounterBlock<Sample>()
        async let writing: Void = {
            for _ in 0..<200_000 { counters.add(to: .connects) }
        }()
        var last: UInt64 = 0
        for _ in 0..<10_000 {
            let value = counters.value(of: .connects)
            #expect(value >= last)
            last = value
        }
        await writing
        #expect(counters.value(of: .connects) == 200_000)
    }
}
