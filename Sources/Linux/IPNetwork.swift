/// A range of addresses in the notation of CIDR (RFC 4632): `10.0.0.0/8`, `2001:db8::/32`. An address without
/// a prefix length is a range of one.
public struct IPNetwork: Hashable, Sendable {
    /// The first address.
    public let address: IPAddress

    /// How many bits all addresses have in common: 0 to 32 of IPv4, 0 to 128 of IPv6.
    public let prefixLength: Int

    /// Reads `192.0.2.0/24` or `2001:db8::/32`; bits behind the prefix are not looked at. `nil` for anything
    /// else.
    public init?(_ text: String) {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let first = parts.first, let address = IPAddress(String(first)) else { return nil }
        // An IPv4 address mapped into IPv6 has 96 bits before its own.
        let mapped = address.isIPv4 && first.contains(":") ? 96 : 0
        var length = address.isIPv4 ? 32 : 128
        if parts.count == 2 {
            let digits = parts[1].utf8
            guard (1...3).contains(digits.count), digits.allSatisfy({ (48...57).contains($0) }),
                let given = Int(parts[1]), (0...length).contains(given - mapped)
            else { return nil }
            length = given - mapped
        }
        self.address = address.masked(to: length)
        prefixLength = length
    }

    public func contains(_ other: IPAddress) -> Bool {
        other.isIPv4 == address.isIPv4 && other.masked(to: prefixLength) == address
    }
}

extension IPNetwork: CustomStringConvertible {
    /// `192.0.2.0/24`
    public var description: String { "\(address)/\(prefixLength)" }
}

extension IPAddress {
    /// The address with zeros behind its first bits.
    fileprivate func masked(to length: Int) -> IPAddress {
        if isIPv4 {
            // Shifting by all bits or more leaves none.
            let mask = UInt32.max << UInt32(32 - length)
            return IPAddress(ipv4: UInt32(truncatingIfNeeded: low) & mask)
        }
        let highMask = UInt64.max << UInt64(max(0, 64 - length))
        let lowMask = UInt64.max << UInt64(min(64, 128 - length))
        return IPAddress(high: high & highMask, low: low & lowMask, isIPv4: false)
    }
}
