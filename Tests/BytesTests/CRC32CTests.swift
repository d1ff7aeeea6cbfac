import Bytes
import Testing

@Suite struct CRC32CTests {
    @Test("CRC-32C is that of RFC 3720")
    func vectors() {
        #expect(CRC32C.of(Array("123456789".utf8).span) == 0xE306_9283)
        #expect(CRC32C.of([UInt8](repeating: 0, count: 32).span) == 0x8A91_36AA)
        #expect(CRC32C.of(Array(0..<32 as Range<UInt8>).span) == 0x46DD_794E)
    }
}
