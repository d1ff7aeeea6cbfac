public import Linux

/// Which addresses the courier connects to: those of the public Internet, unless it is told otherwise. A tenant who
/// names a URL must not reach what only the gateway's own network can (SSRF); so the address that is really connected
/// to decides, whatever a name has resolved to before.
public enum ReachableAddress {
    /// Of IANA's registries of special-purpose addresses (RFC 6890), and multicast: all that is not for everyone.
    private static let refused: [IPNetwork] = [
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16",
        "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16",
        "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
        // What embeds an IPv4 address (NAT64, Teredo, 6to4) leads to any of these.
        "::/96", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32",
        "2002::/16", "3fff::/20", "5f00::/16", "fc00::/7", "fe80::/10", "fec0::/10", "ff00::/8",
    ].map { text in
        guard let network = IPNetwork(text) else { preconditionFailure("\(text) is a network") }
        return network
    }

    /// Whether anyone on the Internet could reach it. An IPv4 address that is written as one of IPv6 counts as itself.
    public static func isPublic(_ address: IPAddress) -> Bool {
        !refused.contains { $0.contains(address) }
    }
}
