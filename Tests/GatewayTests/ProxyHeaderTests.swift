import Bytes
import Linux
import Randomness
import Testing

@testable import Gateway

/// The PROXY protocol's header, from its bytes alone.
@Suite struct ProxyHeaderTests {
    private static let signature: [UInt8] = [
        0x0D, 0x0A, 0x0D, 0x0A, 0x00, 0x0D, 0x0A, 0x51, 0x55, 0x49, 0x54, 0x0A,
    ]

    private static func binary(_ command: UInt8, _ family: UInt8, _ rest: [UInt8]) -> [UInt8] {
        signature + [command, family, UInt8(rest.count >> 8), UInt8(rest.count & 0xFF)] + rest
    }

    private static let ipv4: [UInt8] = [192, 0, 2, 7, 198, 51, 100, 1, 0xC8, 0x7C, 0x22, 0xB3]
    private static let ipv6: [UInt8] =
        [0x20, 0x01, 0x0D, 0xB8] + [UInt8](repeating: 0, count: 11) + [7]
        + [UInt8](repeating: 0, count: 15) + [1, 0xC8, 0x7C, 0x22, 0xB3]

    /// Headers, and whom they speak for.
    static let wellFormed: [([UInt8], String?)] = [
        (Array("PROXY TCP4 192.0.2.7 198.51.100.1 51324 8883\r\n".utf8), "192.0.2.7:51324"),
        (Array("PROXY TCP6 2001:db8::7 2001:db8::1 51324 8883\r\n".utf8), "[2001:db8::7]:51324"),
        (Array("PROXY TCP6 ::ffff:192.0.2.7 ::1 0 65535\r\n".utf8), "192.0.2.7:0"),
        (Array("PROXY UNKNOWN\r\n".utf8), nil),
        (Array("PROXY UNKNOWN ffff:f...f:ffff ffff:f...f:ffff 65535 65535\r\n".utf8), nil),
        (binary(0x21, 0x11, ipv4), "192.0.2.7:51324"),
        (binary(0x21, 0x21, ipv6), "[2001:db8::7]:51324"),
        // An authority (0x02) and padding (0x04) behind the addresses.
        (binary(0x21, 0x11, ipv4 + [2, 0, 3, 97, 98, 99, 4, 0, 0]), "192.0.2.7:51324"),
        // A checksum (0x03) that is right, and padding.
        (
            binary(0x21, 0x11, ipv4 + [3, 0, 4, 0x44, 0xE0, 0x5A, 0x46, 4, 0, 0]),
            "192.0.2.7:51324"
        ),
        (binary(0x21, 0x31, [UInt8](repeating: 0, count: 216)), nil),
        (binary(0x21, 0x00, []), nil), (binary(0x20, 0x00, []), nil),
        (binary(0x20, 0x11, ipv4), nil), (binary(0x20, 0x99, [1, 2, 3]), nil),
        // Of LOCAL all is discarded, a wrong checksum too.
        (binary(0x20, 0x00, [3, 0, 4, 1, 2, 3, 4]), nil),
    ]

    @Test("both versions name the client; LOCAL and UNKNOWN name none; what follows is not read")
    func complete() {
        for (header, source) in Self.wellFormed {
            let expected = ProxyHeader.Reading.complete(
                length: header.count, source: source.flatMap { SocketAddress($0) })
            #expect(ProxyHeader.read(header.span) == expected, "\(header)")
            let more = header + [0x10, 0x0A, 0x0D]
            #expect(ProxyHeader.read(more.span) == expected, "\(header)")
        }
    }

    @Test("every start of a header asks for more")
    func incomplete() {
        for (header, _) in Self.wellFormed {
            for count in 0..<header.count {
                let start = Array(header.prefix(count))
                #expect(ProxyHeader.read(start.span) == .incomplete, "\(start)")
            }
        }
    }

    static let broken: [[UInt8]] =
        [
            "GET / HTTP/1.1\r\n", "PROXY\r\n", "PROXY TCP4\r\n",
            "proxy TCP4 1.2.3.4 1.2.3.4 1 1\r\n",
            "PROXY TCP4 192.0.2.7 198.51.100.1 51324\r\n",
            "PROXY TCP4 192.0.2.7 198.51.100.1 51324 8883 \r\n",
            "PROXY TCP4 192.0.2.7  198.51.100.1 51324 8883\r\n",
            "PROXY TCP4 192.0.2.7 198.51.100.1 51324 8883\n",
            "PROXY TCP4 192.0.2.7 198.51.100.1 65536 8883\r\n",
            "PROXY TCP4 192.0.2.7 198.51.100.1 -1 8883\r\n",
            "PROXY TCP4 192.0.2.7 198.51.100.1 01 8883\r\n",
            "PROXY TCP4 2001:db8::7 2001:db8::1 1 1\r\n", "PROXY TCP6 192.0.2.7 192.0.2.8 1 1\r\n",
            "PROXY TCP4 192.0.2 198.51.100.1 1 1\r\n", "PROXY TCP5 192.0.2.7 192.0.2.8 1 1\r\n",
            "PROXY TCP4 example.org 198.51.100.1 1 1\r\n",
            "PROXY UNKNOWN \(String(repeating: "x", count: 92))\r\n",
            "PROXY \(String(repeating: "x", count: 200))",
        ].map { Array($0.utf8) } + [
            [0x10], [0x16, 0x03, 0x01], Array("PROXY TCP4 \u{FF}\r\n".utf8), [0x0D, 0x0D],
            binary(0x11, 0x11, ipv4), binary(0x31, 0x11, ipv4), binary(0x22, 0x11, ipv4),
            binary(0x21, 0x12, ipv4), binary(0x21, 0x41, ipv4), binary(0x21, 0x10, ipv4),
            binary(0x21, 0x11, Array(ipv4.dropLast())), binary(0x21, 0x21, ipv4),
            binary(0x21, 0x11, ipv4 + [1]), binary(0x21, 0x11, ipv4 + [1, 0, 2, 9]),
            binary(0x21, 0x11, ipv4 + [UInt8](repeating: 0, count: 5_000)),
            binary(0x20, 0x00, [UInt8](repeating: 0, count: 5_000)),
            signature + [0x21, 0x11, 0xFF, 0xFF],
            Array("Proxy TCP4 192.0.2.7 198.51.100.1 1 1\r\n".utf8),
            Array("PROXY tcp4 192.0.2.7 198.51.100.1 1 1\r\n".utf8),
            Array("PROXY TCP4 192.0.2.7 198.51.100.1 1 1 x\r\n".utf8),
            Array("PROXY TCP4 192.0.2.7\t198.51.100.1 1 1\r\n".utf8),
            Array("PROXY TCP4 192.0.2.7 198.51.100.1 +1 1\r\n".utf8),
            Array("PROXY unknown\r\n".utf8), Array("\r\nPROXY UNKNOWN\r\n".utf8),
            // A checksum that is wrong, too short, too long, there twice.
            binary(0x21, 0x11, ipv4 + [3, 0, 4, 0x44, 0xE0, 0x5A, 0x47, 4, 0, 0]),
            binary(0x21, 0x11, ipv4 + [3, 0, 3, 0x44, 0xE0, 0x5A]),
            binary(0x21, 0x11, ipv4 + [3, 0, 5, 0x44, 0xE0, 0x5A, 0x46, 0]),
            binary(0x21, 0x11, ipv4 + [3, 0, 4, 0, 0, 0, 0, 3, 0, 4, 0, 0, 0, 0]),
        ]

    @Test("what is none of the two, or breaks its rules, is malformed", arguments: broken)
    func malformed(bytes: [UInt8]) { #expect(ProxyHeader.read(bytes.span) == .malformed) }

    @Test("any bytes are read to an end, and cut anywhere to the same one")
    func anything() {
        var dice = SplitMix64(seed: 4_711)
        for _ in 0..<20_000 {
            var bytes = Self.wellFormed.randomElement(using: &dice)?.0 ?? []
            for _ in 0..<Int.random(in: 0...3, using: &dice) {
                bytes[Int.random(in: bytes.indices, using: &dice)] = .random(
                    in: 0...255, using: &dice)
            }
            let reading = ProxyHeader.read(bytes.span)
            if case .complete(let length, _) = reading { #expect(length <= bytes.count) }
            let cut = Int.random(in: 0...bytes.count, using: &dice)
            let start = ProxyHeader.read(bytes.span.extracting(0..<cut))
            // What was malformed, or complete, stays so when more comes.
            #expect(start == .incomplete || start == reading, "\(bytes) \(cut)")
        }
    }

    @Test(
        "headers that are made by chance say what they were made of; a changed byte breaks the sum")
    func made() {
        var dice = SplitMix64(seed: 4_712)
        for _ in 0..<2_000 {
            let isIPv4 = Bool.random(using: &dice)
            let addresses = (0..<(isIPv4 ? 8 : 32)).map { _ in
                UInt8.random(in: 1...255, using: &dice)
            }
            let port = UInt16.random(in: 0...65_535, using: &dice)
            var rest = addresses + [UInt8(port >> 8), UInt8(port & 0xFF), 0x22, 0xB3]
            for _ in 0..<Int.random(in: 0...3, using: &dice) {
                let count = Int.random(in: 0...300, using: &dice)
                let value = (0..<count).map { _ in UInt8.random(in: 0...255, using: &dice) }
                rest += [0xE0, UInt8(count >> 8), UInt8(count & 0xFF)] + value
            }
            var header = Self.binary(0x21, isIPv4 ? 0x11 : 0x21, rest + [3, 0, 4, 0, 0, 0, 0])
            let sum = CRC32C.of(header.span)
            for index in 0..<4 {
                header[header.count - 4 + index] = UInt8(
                    truncatingIfNeeded: sum >> (24 - 8 * index))
            }
            func number(_ range: Range<Int>) -> UInt64 {
                range.reduce(0) { $0 << 8 | UInt64(addresses[$1]) }
            }
            let address =
                isIPv4
                ? IPAddress(ipv4: UInt32(number(0..<4)))
                : IPAddress(ipv6High: number(0..<8), low: number(8..<16))
            #expect(
                ProxyHeader.read(header.span)
                    == .complete(
                        length: header.count, source: SocketAddress(address, port: port)))
            let place = Int.random(in: 16..<16 + addresses.count + 4, using: &dice)
            header[place] ^= 1 << UInt8.random(in: 0...7, using: &dice)
            #expect(ProxyHeader.read(header.span) == .malformed)
        }
    }
}
