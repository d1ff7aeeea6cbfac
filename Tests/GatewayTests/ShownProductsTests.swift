import Ledger
import Testing

@testable import Gateway

@Suite struct ShownProductsTests {
    private func keys(_ range: Range<Int>) -> [ProductKey] {
        range.map { ProductKey("p\($0)")! }
    }

    @Test(
        "a product that is shown stays, so that no counter goes down; there is room for a hundred")
    func shown() {
        let shown = ShownProducts()
        #expect(shown.take(keys(0..<60)) == keys(0..<60))
        #expect(shown.take(keys(40..<200)) == keys(0..<100))
        #expect(shown.take(keys(150..<200)) == keys(0..<100))
        #expect(shown.take([]) == keys(0..<100))
    }
}
