import Bytes
import Ledger
import Storage
import Time

/// A product's day in the usage store: the days of a product are neighbours, in order.
struct ProductDayKey: StorageKey, Hashable {
    let product: ProductKey
    let day: Day

    init(_ product: ProductKey, _ day: Day) {
        self.product = product
        self.day = day
    }

    func encode(into writer: inout KeyWriter) {
        product.encode(into: &writer)
        writer.append(Int64(day.number))
    }

    init?(decoding reader: inout ByteReader) {
        guard let product = ProductKey(decoding: &reader),
            let number = Int64(decoding: &reader).flatMap({ Int32(exactly: $0) })
        else { return nil }
        self.init(product, Day(number: number))
    }
}
