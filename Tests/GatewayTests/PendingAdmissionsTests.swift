import Ledger
import Linux
import Testing

@testable import Gateway

/// What a shard remembers of changes that meet something under way.
@Suite struct PendingAdmissionsTests {
    private let first = DeviceIdentity(product: ProductKey("pk")!, device: DeviceKey("d1")!)
    private let second = DeviceIdentity(product: ProductKey("pk")!, device: DeviceKey("d2")!)

    @Test("a secret's reset is remembered as long as anybody waits to be admitted, no longer")
    func resets() {
        var admissions = PendingAdmissions()
        admissions.noteReset(first)
        #expect(!admissions.isReset(first))
        admissions.begin()
        admissions.begin()
        admissions.noteReset(first)
        #expect(admissions.isReset(first) && !admissions.isReset(second))
        admissions.end()
        #expect(admissions.isReset(first))
        admissions.end()
        #expect(!admissions.isReset(first))
        admissions.begin()
        #expect(!admissions.isReset(first))
    }

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
