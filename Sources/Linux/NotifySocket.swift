import CLinux

/// The socket on which a service manager hears how a process is: the protocol of `sd_notify(3)`.
///
/// Open from the start on, so that it works also when no descriptor is left.
public final class NotifySocket: Sendable {
    private let descriptor: Descriptor

    /// As `unix(7)` has it: an abstract name begins with a zero.
    private let name: [UInt8]

    /// `sun_path` of `unix(7)` has 108 bytes, the last of a path's is a zero.
    private static let nameMaximum = 107

    /// - Parameter name: as NOTIFY_SOCKET has it: a path from the root on, or `@` and an abstract name.
    /// - Throws: `invalidArgument` for any other name, and for one that is too long.
    public init(_ name: String) throws(Errno) {
        var bytes = Array(name.utf8)
        guard bytes.count > 1, bytes.count <= Self.nameMaximum else { throw .invalidArgument }
        switch bytes[0] {
        case UInt8(ascii: "/"): break
        case UInt8(ascii: "@"): bytes[0] = 0
        default: throw .invalidArgument
        }
        self.name = bytes
        descriptor = Descriptor(adopting: Int32(try retrying { clinux_datagram_socket() }))
    }

    /// Sends one message, lines of `NAME=VALUE`. Waits while the manager has not read what it was sent before.
    public func send(_ message: String) throws(Errno) {
        let bytes = Array(message.utf8)
        let number = descriptor.rawValue
        _ = try retrying {
            // Safe: both arrays lend their bytes for the call.
            unsafe name.withUnsafeBufferPointer { name in
                unsafe bytes.withUnsafeBytes { bytes in
                    unsafe clinux_send_datagram(
                        number, name.baseAddress, name.count, bytes.baseAddress, bytes.count)
                }
            }
        }
    }
}
