import Linux
import Testing

@Suite struct AddressTests {
    @Test(
        "An address and its text are each other's inverse",
        arguments: [
            "127.0.0.1:8883", "0.0.0.0:0", "255.255.255.255:65535", "[::1]:1883", "[::]:1",
            "[2001:db8::ff00:42:8329]:443",
        ]
    )
    func roundTrip(text: String) throws {
        let address = try #require(SocketAddress(text))
        #expect(address.description == text)
    }

    @Test(
        "What is not an address is not read",
        arguments: [
            "", ":", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1", "127.0.0.1:+1",
            "::1:1883", "[::1]", "[127.0.0.1]:1", "localhost:1883", "1.2.3:4", "[::1:5",
            "127.0.0.1\0:5",
        ]
    )
    func malformed(text: String) { #expect(SocketAddress(text) == nil) }

    @Test("An IPv4 address in IPv6 clothes is the IPv4 address")
    func mapped() {
        #expect(IPAddress("::ffff:192.0.2.1") == IPAddress("192.0.2.1"))
        #expect(IPAddress("::ffff:192.0.2.1")?.description == "192.0.2.1")
    }

    @Test("An address is kept in network order: the first byte is the most significant")
    func bits() {
        #expect(IPAddress("192.0.2.1") == IPAddress(ipv4: 0xC000_0201))
        #expect(IPAddress("2001:db8::1") == IPAddress(ipv6High: 0x2001_0DB8_0000_0000, low: 1))
    }
}
