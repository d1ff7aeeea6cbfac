import Reactor
import Testing

@Suite struct ParcelTests {
    @Test("What a parcel holds is taken once; what nobody takes goes with it")
    func takenOnce() {
        let census = Resource.Census()
        do {
            let parcel = Parcel(Resource(7, census))
            if let content = parcel.take() {
                let value = content.value
                #expect(value == 7)
            } else {
                Issue.record("the parcel is empty")
            }
            let isEmpty = parcel.take() == nil
            #expect(isEmpty && census.alive == 0)
        }
        do {
            let parcel = Parcel(Resource(8, census))
            withExtendedLifetime(parcel) { #expect(census.alive == 1) }
        }
        #expect(census.alive == 0)
    }
}
