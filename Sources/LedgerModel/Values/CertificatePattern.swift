/// Where a device's certificate says which device it is of: `cn:`, `san-dns:` or `san-uri:`, and what the whole of that name
/// is, with `${dk}` for the DeviceKey, and `${pk}` for the ProductKey where it is named. 1 to 256 bytes.
public struct CertificatePattern: Hashable, Sendable, CustomStringConvertible {
    public let text: String

    /// Which name of a certificate is looked at.
    public let place: Place

    private let form: Form

    /// The most bytes of a pattern, and of a name that is looked at.
    public static let maximumLength = 256

    public enum Place: String, Hashable, Sendable, CaseIterable {
        /// The subject's common name.
        case commonName = "cn"

        /// The subject's alternative names of these forms (RFC 5280, 4.2.1.6): the first that fits.
        case dnsName = "san-dns"
        case uri = "san-uri"
    }

    /// Why a text is no pattern.
    public enum Fault: Error, Hashable, Sendable, CaseIterable, CustomStringConvertible {
        case length
        case character
        case place
        case variable
        case device
        case product
        case boundary

        public var description: String {
            switch self {
            case .length: "a pattern has 1 to \(CertificatePattern.maximumLength) bytes"
            case .character: "a pattern has visible ASCII characters alone"
            case .place: "a pattern begins with cn:, san-dns: or san-uri:"
            case .variable: "a pattern may hold ${pk} and ${dk}, and no other $"
            case .device: "a pattern has ${dk} once"
            case .product: "a pattern has ${pk} once at most"
            case .boundary:
                "between ${pk} and ${dk}, next to ${pk}, stands a character that no ProductKey has: no letter or digit"
            }
        }
    }

    /// What stands in front of the variables, between them, and behind them, in UTF-8.
    private struct Form: Hashable {
        let order: Order
        let front: [UInt8]
        let middle: [UInt8]
        let back: [UInt8]
    }

    private enum Order { case device, productFirst, deviceFirst }

    public init(_ text: String) throws(Fault) {
        guard (1...Self.maximumLength).contains(text.utf8.count) else { throw .length }
        guard text.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else { throw .character }
        guard let colon = text.firstIndex(of: ":"),
            let place = Place(rawValue: String(text[..<colon]))
        else { throw .place }
        self.text = text
        self.place = place
        form = try Self.form(of: Array(text[text.index(after: colon)...].utf8))
    }

    private static func form(of bytes: [UInt8]) throws(Fault) -> Form {
        let variable: (product: [UInt8], device: [UInt8]) = (
            Array("${pk}".utf8), Array("${dk}".utf8)
        )
        var parts: [[UInt8]] = [[]]
        var isProduct: [Bool] = []
        var rest = bytes[...]
        while let byte = rest.first {
            guard byte == UInt8(ascii: "$") else {
                parts[parts.count - 1].append(byte)
                rest = rest.dropFirst()
                continue
            }
            let isOfProduct = rest.starts(with: variable.product)
            guard isOfProduct || rest.starts(with: variable.device) else { throw .variable }
            isProduct.append(isOfProduct)
            parts.append([])
            rest = rest.dropFirst(variable.device.count)
        }
        guard isProduct.count(where: { !$0 }) == 1 else { throw .device }
        guard isProduct.count <= 2 else { throw .product }
        guard isProduct.count == 2 else {
            return Form(order: .device, front: parts[0], middle: [], back: parts[1])
        }
        // So that a name can be read in one way alone.
        let border = isProduct[0] ? parts[1].first : parts[1].last
        guard let border, !ProductKey.allows(border) else { throw .boundary }
        return Form(
            order: isProduct[0] ? .productFirst : .deviceFirst, front: parts[0], middle: parts[1],
            back: parts[2])
    }

    public var description: String { text }

    /// Whether it says where the ProductKey is.
    public var namesProduct: Bool { form.order != .device }

    /// Which device a name is of; `nil` when the whole of it does not have the pattern's form, or is longer than 256 bytes.
    public func reading(_ name: String) -> (product: ProductKey?, device: DeviceKey)? {
        guard name.utf8.count <= Self.maximumLength else { return nil }
        let bytes = Array(name.utf8)
        let (front, back) = (form.front, form.back)
        guard bytes.count >= front.count + back.count, bytes.starts(with: front),
            bytes.suffix(back.count).elementsEqual(back)
        else { return nil }
        let inner = bytes[front.count..<(bytes.count - back.count)]
        switch form.order {
        case .device: return Self.key(inner).map { (nil, $0) }
        case .productFirst:
            let product = inner.prefix(while: ProductKey.allows)
            let rest = inner[product.endIndex...]
            guard rest.starts(with: form.middle) else { return nil }
            return Self.keys(product, rest.dropFirst(form.middle.count))
        case .deviceFirst:
            let length = inner.reversed().prefix(while: ProductKey.allows).count
            let rest = inner.dropLast(length)
            guard rest.count >= form.middle.count,
                rest.suffix(form.middle.count).elementsEqual(form.middle)
            else { return nil }
            return Self.keys(inner.suffix(length), rest.dropLast(form.middle.count))
        }
    }

    private static func keys(
        _ product: ArraySlice<UInt8>, _ device: ArraySlice<UInt8>
    ) -> (product: ProductKey?, device: DeviceKey)? {
        guard let product = ProductKey(String(decoding: product, as: UTF8.self)),
            let device = key(device)
        else { return nil }
        return (product, device)
    }

    private static func key(_ bytes: ArraySlice<UInt8>) -> DeviceKey? {
        DeviceKey(String(decoding: bytes, as: UTF8.self))
    }
}
