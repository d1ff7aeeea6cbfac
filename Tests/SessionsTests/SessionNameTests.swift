import Bytes
import Sessions
import Storage
import Testing

@Suite struct SessionNameTests {
    private func name(_ product: String, _ device: String) -> SessionName {
        SessionName(product: product.utf8Span.span, device: device.utf8Span.span)
    }

    private func decoded(_ name: SessionName) -> SessionName? {
        let key = KeyWriter(name)
        var reader = ByteReader(key.span)
        return SessionName(decoding: &reader)
    }

    @Test("a device, an application and an anonymous client never have the same session")
    func kinds() {
        let clientID = "PK.DK".utf8Span.span
        let names = [
            name("PK", "DK"),
            SessionName(key: "".utf8Span.span, clientID: clientID),
            SessionName(key: "a".utf8Span.span, clientID: "b".utf8Span.span),
            SessionName(key: "ab".utf8Span.span, clientID: "".utf8Span.span),
            SessionName(anonymous: clientID),
        ].compactMap { $0 }
        #expect(Set(names).count == 5)
        for name in names { #expect(decoded(name) == name) }
        #expect(
            names.map(\.kind) == [.device, .application, .application, .application, .anonymous])
    }

    @Test("a name that is too long for a key has no stored session")
    func length() throws {
        let long = [UInt8](repeating: 65, count: SessionName.maximumCount - 1)
        let found = SessionName(anonymous: long.span)
        let name = try #require(found)
        #expect(name.bytes.count == SessionName.maximumCount && decoded(name) == name)
        let longer = long + [65]
        let none: [UInt8] = []
        let tooLong = SessionName(anonymous: longer.span)
        let tooShort = SessionName(anonymous: none.span)
        #expect(tooLong == nil && tooShort == nil)
    }

    @Test("bytes that are no name are not taken for one", arguments: [[], [1], [0, 65], [4, 65]])
    func malformed(_ bytes: [UInt8]) {
        var reader = ByteReader(bytes.span)
        let name = SessionName(decoding: &reader)
        #expect(name == nil)
    }
}
