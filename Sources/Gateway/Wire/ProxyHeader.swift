import Bytes
import Linux

/// The header in front of a connection by which a proxy says whom it speaks for: the PROXY protocol of
/// HAProxy, versions 1 and 2 (proxy-protocol.txt).
enum ProxyHeader {
    enum Reading: Equatable {
        /// More has to come.
        case incomplete

        /// It ends after so many bytes. Without a source the proxy speaks for itself, or for something that has
        /// no address.
        case complete(length: Int, source: SocketAddress?)
        case malformed
    }

    /// The longest line of version 1, with its CR and LF.
    private static var lineMaximum: Int { 107 }

    /// The longest header that is taken: version 2 with addresses of any kind, and extensions behind them.
    static var lengthMaximum: Int { fixedLength + 216 + 4_096 }

    /// Reads a header at the start of the bytes.
    static func read(_ bytes: Span<UInt8>) -> Reading {
        guard bytes.count > 0 else { return .incomplete }
        return bytes[0] == 0x0D ? readBinary(bytes) : readLine(bytes)
    }

    // MARK: Version 1

    private static func readLine(_ bytes: Span<UInt8>) -> Reading {
        let start: StaticString = "PROXY "
        guard bytes.begins(start) else { return .malformed }
        var end = start.utf8CodeUnitCount
        while end < bytes.count, bytes[end] != 0x0A {
            end += 1
            if end >= lineMaximum { return .malformed }
        }
        guard end < bytes.count else { return .incomplete }
        guard bytes[end - 1] == 0x0D else { return .malformed }
        guard let line = bytes.extracting(start.utf8CodeUnitCount..<end - 1).text else {
            return .malformed
        }
        return readFields(line, length: end + 1)
    }

    /// `TCP4 192.0.2.7 198.51.100.1 51324 8883`, `TCP6 ...`, or `UNKNOWN` with anything behind it.
    private static func readFields(_ line: String, length: Int) -> Reading {
        let fields = line.split(separator: " ", omittingEmptySubsequences: false)
        guard fields.first != "UNKNOWN" else { return .complete(length: length, source: nil) }
        guard fields.count == 5, fields[0] == "TCP4" || fields[0] == "TCP6",
            let source = IPAddress(String(fields[1])),
            let destination = IPAddress(String(fields[2])),
            let port = port(fields[3]), self.port(fields[4]) != nil
        else { return .malformed }
        // An IPv4 address in IPv6 clothes is one of IPv6 here.
        let isIPv4 = fields[0] == "TCP4"
        for (address, text) in [(source, fields[1]), (destination, fields[2])] {
            let isWritten = text.contains(":") ? !isIPv4 : isIPv4 && address.isIPv4
            guard isWritten else { return .malformed }
        }
        return .complete(length: length, source: SocketAddress(source, port: port))
    }

    /// Decimal, without zeros in front.
    private static func port(_ text: Substring) -> UInt16? {
        guard let port = UInt16(text), "\(port)" == text else { return nil }
        return port
    }

    // MARK: Version 2

    private static let signature: [UInt8] = [
        0x0D, 0x0A, 0x0D, 0x0A, 0x00, 0x0D, 0x0A, 0x51, 0x55, 0x49, 0x54, 0x0A,
    ]

    /// The signature, version and command, family and protocol, and the length of what follows.
    private static var fixedLength: Int { 16 }

    private static func readBinary(_ bytes: Span<UInt8>) -> Reading {
        for index in 0..<min(bytes.count, signature.count) where bytes[index] != signature[index] {
            return .malformed
        }
        guard bytes.count >= fixedLength else { return .incomplete }
        let rest = Int(bytes[14]) << 8 | Int(bytes[15])
        let length = fixedLength + rest
        guard bytes[12] >> 4 == 2, length <= lengthMaximum else { return .malformed }
        let command = bytes[12] & 0x0F
        if command == 0 {
            // LOCAL: the proxy's own connection, a check of health. Addresses are not looked at.
            return bytes.count < length ? .incomplete : .complete(length: length, source: nil)
        }
        guard command == 1, let addresses = addressesLength(bytes[13]), rest >= addresses else {
            return .malformed
        }
        guard bytes.count >= length else { return .incomplete }
        let extensions = bytes.extracting(fixedLength + addresses..<length)
        guard areValid(extensions, of: bytes.extracting(0..<length)) else { return .malformed }
        return .complete(length: length, source: source(bytes, family: bytes[13]))
    }

    /// How long both addresses and ports are; `nil` for a family, or a protocol, that is none of a stream.
    private static func addressesLength(_ family: UInt8) -> Int? {
        guard family != 0 else { return 0 }
        guard family & 0x0F == 1 else { return nil }
        return [1: 12, 2: 36, 3: 216][family >> 4]
    }

    private static func source(_ bytes: Span<UInt8>, family: UInt8) -> SocketAddress? {
        func number(_ range: Range<Int>) -> UInt64 {
            range.reduce(0) { $0 << 8 | UInt64(bytes[fixedLength + $1]) }
        }
        if family == 0x11 {
            let address = IPAddress(ipv4: UInt32(number(0..<4)))
            return SocketAddress(address, port: UInt16(number(8..<10)))
        }
        guard family == 0x21 else { return nil }
        let address = IPAddress(ipv6High: number(0..<8), low: number(8..<16))
        return SocketAddress(address, port: UInt16(number(32..<34)))
    }

    /// Whether types, lengths and values fill the bytes, and the checksum is right, if there is one.
    private static func areValid(_ extensions: Span<UInt8>, of header: Span<UInt8>) -> Bool {
        let start = header.count - extensions.count
        var offset = 0
        var checksum: Int?
        while offset + 3 <= extensions.count {
            let length = Int(extensions[offset + 1]) << 8 | Int(extensions[offset + 2])
            if extensions[offset] == checksumType {
                guard length == 4, checksum == nil else { return false }
                checksum = start + offset + 3
            }
            offset += 3 + length
        }
        guard offset == extensions.count else { return false }
        return checksum.map { isRight($0, of: header) } ?? true
    }

    /// `PP2_TYPE_CRC32C`.
    private static var checksumType: UInt8 { 0x03 }

    /// Whether the four bytes at `place` are the sum of the whole header, in which they count as zeros.
    private static func isRight(_ place: Int, of header: Span<UInt8>) -> Bool {
        var summed = header.bytesArray
        var stated: UInt32 = 0
        for index in place..<place + 4 {
            stated = stated << 8 | UInt32(summed[index])
            summed[index] = 0
        }
        return CRC32C.of(summed.span) == stated
    }
}

extension Span<UInt8> {
    /// Whether it begins with the text, as far as it goes.
    fileprivate func begins(_ text: StaticString) -> Bool {
        for index in 0..<Swift.min(count, text.utf8CodeUnitCount)
        where unsafe self[index] != text.utf8Start[index] {
            // Safe: the index is within the text.
            return false
        }
        return true
    }
}
