import CLinux

/// An IPv4 or IPv6 address. An IPv4 address mapped into IPv6 (`::ffff:192.0.2.1`, as a listener for
/// both families reports it) is the IPv4 address.
@frozen
public struct IPAddress: Hashable, Sendable {
    /// The address as one number, the first byte the most significant; IPv4 in the low 32 bits.
    public let high: UInt64
    public let low: UInt64

    public let isIPv4: Bool

    @inlinable
    public init(ipv4 bits: UInt32) { self.init(high: 0, low: UInt64(bits), isIPv4: true) }

    @inlinable
    public init(ipv6High high: UInt64, low: UInt64) {
        if high == 0 && low >> 32 == 0xFFFF {
            self.init(ipv4: UInt32(truncatingIfNeeded: low))
        } else {
            self.init(high: high, low: low, isIPv4: false)
        }
    }

    @usableFromInline
    init(high: UInt64, low: UInt64, isIPv4: Bool) {
        self.high = high
        self.low = low
        self.isIPv4 = isIPv4
    }

    /// `127.0.0.1`
    @inlinable public static var loopbackIPv4: IPAddress { IPAddress(ipv4: 0x7F00_0001) }
    /// `::1`
    @inlinable public static var loopbackIPv6: IPAddress { IPAddress(ipv6High: 0, low: 1) }
    /// `0.0.0.0`
    @inlinable public static var anyIPv4: IPAddress { IPAddress(ipv4: 0) }
    /// `::`, which as a listener's address takes both families.
    @inlinable public static var anyIPv6: IPAddress { IPAddress(ipv6High: 0, low: 0) }

    /// Whether sockets at both addresses would take the same connections: they are one, or one is all
    /// addresses of the other's family. `::` takes both families.
    public func overlaps(_ other: IPAddress) -> Bool {
        if self == other || self == .anyIPv6 || other == .anyIPv6 { return true }
        return isIPv4 && other.isIPv4 && (self == .anyIPv4 || other == .anyIPv4)
    }

    /// Whether it is one of this machine's own: `127.0.0.0/8` or `::1`.
    public var isLoopback: Bool { isIPv4 ? low >> 24 == 127 : self == .loopbackIPv6 }

    /// Reads `192.0.2.1` or `2001:db8::1`, by `inet_pton(3)`; `nil` for anything else.
    public init?(_ text: String) {
        guard !text.utf8.contains(0) else { return nil }
        var kernel = clinux_address()
        kernel.family = text.utf8.contains(UInt8(ascii: ":")) ? 6 : 4
        guard Self.parse(Int32(kernel.family), text, into: &kernel) else { return nil }
        self.init(kernel)
    }

    private static func parse(
        _ family: Int32,
        _ text: String,
        into kernel: inout clinux_address
    ) -> Bool {
        // Safe: inet_pton(3) writes 4 or 16 bytes, and there are 16.
        unsafe withUnsafeMutableBytes(of: &kernel.bytes) { bytes in
            let target = unsafe bytes.baseAddress.unsafelyUnwrapped
                .assumingMemoryBound(to: UInt8.self)
            return unsafe clinux_address_parse(family, text, target) == 1
        }
    }
}

extension IPAddress: CustomStringConvertible {
    /// The text of `inet_ntop(3)`: `192.0.2.1`, `2001:db8::1`.
    public var description: String {
        var kernel = kernelAddress(port: 0, scope: 0)
        let family = Int32(kernel.family)
        // Safe: inet_ntop(3) reads 4 or 16 of 16 bytes, and writes at most 46 (with the zero).
        return unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: 64) { text in
            unsafe withUnsafeBytes(of: &kernel.bytes) { bytes in
                let source = unsafe bytes.baseAddress.unsafelyUnwrapped
                    .assumingMemoryBound(to: UInt8.self)
                let target = unsafe text.baseAddress.unsafelyUnwrapped
                let done = unsafe clinux_address_print(family, source, target, 64)
                precondition(done == 1, "an address has a text")
                return unsafe String(cString: target)
            }
        }
    }
}

extension IPAddress {
    /// From the kernel's form; an address of neither family counts as `0.0.0.0`.
    init(_ kernel: clinux_address) {
        var kernel = kernel
        // Safe: the bytes are 16 trivial ones, read where they are.
        let (high, low) = unsafe withUnsafeBytes(of: &kernel.bytes) { bytes in
            unsafe (
                UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 0, as: UInt64.self)),
                UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
            )
        }
        if kernel.family == 6 {
            self.init(ipv6High: high, low: low)
        } else {
            self.init(ipv4: UInt32(truncatingIfNeeded: high >> 32))
        }
    }

    func kernelAddress(port: UInt16, scope: UInt32) -> clinux_address {
        var kernel = clinux_address()
        kernel.family = isIPv4 ? 4 : 6
        kernel.port = port
        kernel.scope = scope
        let (high, low) = isIPv4 ? (self.low << 32, 0) : (self.high, self.low)
        // Safe: the bytes are 16 trivial ones.
        unsafe withUnsafeMutableBytes(of: &kernel.bytes) { bytes in
            unsafe bytes.storeBytes(of: high.bigEndian, toByteOffset: 0, as: UInt64.self)
            unsafe bytes.storeBytes(of: low.bigEndian, toByteOffset: 8, as: UInt64.self)
        }
        return kernel
    }
}

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
