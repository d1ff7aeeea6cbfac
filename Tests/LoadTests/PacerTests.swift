import Load
import Testing

@Suite struct PacerTests {
    @Test("Requests are due at an even pace from the start, whenever they are asked about")
    func even() {
        let pacer = Pacer(start: 1_000, rate: 4_000)
        #expect(pacer.due(0) == 1_000)
        #expect(pacer.due(1) == 251_000)
        #expect(pacer.due(4_000) == 1_000_001_000)
        #expect(pacer.count(before: 1_000) == 0)
        #expect(pacer.count(before: 251_000) == 1)
        #expect(pacer.count(before: 251_001) == 2)
    }

    @Test("In the ramp the pace rises evenly: half as many requests, then all")
    func ramp() {
        let pacer = Pacer(start: 0, rate: 1_000, rampSeconds: 2)
        // 1,000 a second over two seconds, half of it.
        #expect(pacer.count(before: 2_000_000_000) == 1_000)
        #expect(pacer.count(before: 1_000_000_000) == 250)
        #expect(pacer.due(250) == 1_000_000_000)
        #expect(pacer.due(1_000) == 2_000_000_000)
        #expect(pacer.due(2_000) == 3_000_000_000)
    }

    @Test("No request is due before the one ahead of it, and as many are due as were counted")
    func order() {
        let pacer = Pacer(start: 7, rate: 333.3, rampSeconds: 0.7)
        for number in 1..<2_000 {
            #expect(pacer.due(number) > pacer.due(number - 1))
            #expect(pacer.count(before: pacer.due(number)) == number)
            #expect(pacer.count(before: pacer.due(number) + 1) == number + 1)
        }
    }
}
