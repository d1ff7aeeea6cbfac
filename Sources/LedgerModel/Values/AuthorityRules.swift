package import Bytes
package import Encoding

/// How certificates of an authority say which device they are of, and whether they bring devices that are not known.
public struct AuthorityRules: Hashable, Sendable {
    /// `nil`: CN `{PK}.{DK}`, or SAN URI `urn:tollgate:device:{PK}:{DK}`.
    public let pattern: CertificatePattern?

    /// Whose devices they are of, where the pattern does not say it; `nil`: CONNECT names the product.
    public let product: ProductKey?

    /// Whether a device that is not known is registered when it first connects, also of a product that registers none but
    /// imported devices.
    public let registersDevices: Bool

    /// Of an authority of which nothing else was said.
    public static let standard = AuthorityRules()

    private init() { (pattern, product, registersDevices) = (nil, nil, false) }

    /// `nil` when there is a product, and no pattern that leaves it out.
    public init?(pattern: CertificatePattern?, product: ProductKey?, registersDevices: Bool) {
        if product != nil {
            guard let pattern, !pattern.namesProduct else { return nil }
        }
        self.pattern = pattern
        self.product = product
        self.registersDevices = registersDevices
    }
}

extension AuthorityRules: RecordField {
    package func encode(into buffer: inout ByteBuffer) {
        buffer.append(fields: pattern?.text, product, registersDevices)
    }

    package init(from reader: inout ByteReader) throws(MalformedRecord) {
        let text = try reader.take(String?.self)
        let product = try reader.take(ProductKey?.self)
        var pattern: CertificatePattern?
        if let text {
            do throws(CertificatePattern.Fault) {
                pattern = try CertificatePattern(text)
            } catch {
                throw .malformed(what: "pattern of certificates")
            }
        }
        let rules = AuthorityRules(
            pattern: pattern, product: product, registersDevices: try reader.take())
        guard let rules else { throw .malformed(what: "rules of an authority") }
        self = rules
    }
}
