import Ledger
import Linux
import Testing

@testable import Gateway

/// What a shard reads again as it could not be read.
@Suite struct DeferredChangesTests {
    private let first = DeviceIdentity(product: ProductKey("pk")!, device: DeviceKey("d1")!)

    @Test("changes that could not be read come again after a pause, each once")
    func unheard() {
        var unheard = DeferredChanges()
        let start = MonotonicInstant(nanoseconds: 0)
        var taken = unheard.takeIfDue(at: start)
        #expect(taken == nil)
        unheard.insert(first, at: start)
        unheard.insert(first, at: start)
        unheard.insert(ProductKey("pk")!, at: start.adding(milliseconds: 100))
        taken = unheard.takeIfDue(at: start.adding(milliseconds: 300))
        #expect(taken == nil)
        taken = unheard.takeIfDue(at: start.adding(milliseconds: 350))
        #expect(taken?.devices == [first] && taken?.products == [ProductKey("pk")!])
        #expect(unheard.isEmpty)
    }
}
