import CLinux

/// One end of a TCP connection: an address and a port.
@frozen
public struct SocketAddress: Hashable, Sendable {
    public let address: IPAddress
    public let port: UInt16

    /// The interface a link-local IPv6 address belongs to (`sin6_scope_id`); 0 for all others.
    public let scope: UInt32

    @inlinable
    public init(_ address: IPAddress, port: UInt16, scope: UInt32 = 0) {
        self.address = address
        self.port = port
        self.scope = scope
    }

    /// Reads `192.0.2.1:8883` or `[2001:db8::1]:8883`; names are not looked up. `nil` for anything
    /// else.
    public init?(_ text: String) {
        guard let colon = text.lastIndex(of: ":") else { return nil }
        var host = text[..<colon]
        let digits = text[text.index(after: colon)...]
        guard digits.utf8.allSatisfy({ (48...57).contains($0) }), let port = UInt16(digits) else {
            return nil
        }
        let isBracketed = host.hasPrefix("[") && host.hasSuffix("]")
        if isBracketed { host = host.dropFirst().dropLast() }
        guard let address = IPAddress(String(host)) else { return nil }
        guard isBracketed == host.contains(":") else { return nil }
        self.init(address, port: port)
    }

    init(_ kernel: clinux_address) {
        self.init(IPAddress(kernel), port: kernel.port, scope: kernel.scope)
    }

    var kernelAddress: clinux_address { address.kernelAddress(port: port, scope: scope) }
}

extension SocketAddress: CustomStringConvertible {
    /// `192.0.2.1:8883`, `[2001:db8::1]:8883`.
    public var description: String {
        address.isIPv4 ? "\(address):\(port)" : "[\(address)]:\(port)"
    }
}
