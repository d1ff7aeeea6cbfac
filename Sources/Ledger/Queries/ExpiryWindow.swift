import Storage
import Time

/// From when to when entitlements end that are asked for, and the last one that was seen.
///
/// All lists of them are in one order: by expiry, then product, then serial of the code.
struct ExpiryWindow {
    typealias Place = KeyTriple<Timestamp, ProductKey, UInt64>
    typealias PlaceInProduct = KeyTriple<ProductKey, Timestamp, UInt64>

    let range: Range<Timestamp>
    private let last: Place?

    /// - Parameter last: what was seen before it began counts for nothing.
    init(_ range: Range<Timestamp>, after last: Place?) {
        self.range = range
        self.last = last.flatMap { $0.first < range.lowerBound ? nil : $0 }
    }

    /// The bounds among the entitlements of all products.
    var lower: KeyBound<Place> {
        if let last { return .excluding(last) }
        return .including(KeyTriple(range.lowerBound, Self.leastProduct, 0))
    }

    var upper: KeyBound<Place> {
        .excluding(KeyTriple(range.upperBound, Self.leastProduct, 0))
    }

    /// The bounds among those of one product.
    func lower(in product: ProductKey) -> KeyBound<PlaceInProduct> {
        guard let last else { return .including(KeyTriple(product, range.lowerBound, 0)) }
        if product == last.second {
            return .excluding(KeyTriple(product, last.first, last.third))
        }
        let isPassed = product < last.second
        return .including(KeyTriple(product, last.first.adding(milliseconds: isPassed ? 1 : 0), 0))
    }

    func upper(in product: ProductKey) -> KeyBound<PlaceInProduct> {
        .excluding(KeyTriple(product, range.upperBound, 0))
    }

    /// Whether it is in the range, and was not seen.
    func holds(_ place: Place) -> Bool {
        range.contains(place.first) && last.map { Self.areInOrder($0, place) } ?? true
    }

    static func areInOrder(_ left: Place, _ right: Place) -> Bool {
        (left.first, left.second, left.third) < (right.first, right.second, right.third)
    }

    /// No product orders before it: "0" is the least byte of their alphabet.
    private static var leastProduct: ProductKey {
        guard let product = ProductKey("0") else { preconditionFailure("this is well-formed") }
        return product
    }
}
