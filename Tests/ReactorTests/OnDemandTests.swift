import Reactor
import Testing

@Suite struct OnDemandTests {
    @Test("A value is made once, changed in place, and goes with its owner")
    func life() {
        let census = Resource.Census()
        do {
            var value = OnDemand<Resource>()
            #expect(!value.isMade && census.alive == 0)
            value.make(Resource(1, census))
            value.value.value += 41
            value.make(Resource(2, census))
            let held = value.value.value
            #expect(value.isMade && held == 42 && census.alive == 1)
        }
        #expect(census.alive == 0)
    }

    @Test("It goes from owner to owner as it is")
    func moves() {
        let census = Resource.Census()
        var first = OnDemand<Resource>()
        first.make(Resource(7, census))
        let second = first
        first = OnDemand<Resource>()
        let held = second.value.value
        #expect(!first.isMade && held == 7 && census.alive == 1)
    }

    @Test("Without its value it is one word")
    func size() { #expect(MemoryLayout<OnDemand<Resource>>.size == 8) }
}
