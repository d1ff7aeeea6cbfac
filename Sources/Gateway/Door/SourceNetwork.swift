package import Linux

/// What one customer of a network has, as far as an address can tell: an IPv4 address, or the /64 of an IPv6
/// address.
package struct SourceNetwork: Hashable, Sendable {
    private let bits: UInt64
    private let isIPv4: Bool

    package init(_ address: IPAddress) {
        isIPv4 = address.isIPv4
        bits = address.isIPv4 ? address.low : address.high
    }
}
