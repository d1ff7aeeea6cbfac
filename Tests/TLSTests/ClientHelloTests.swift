import Bytes
import Randomness
import TLS
import Testing

/// What is read of a ClientHello before there is a session.
@Suite struct ClientHelloTests {
    /// The records that OpenSSL begins with.
    private func hello(
        offering protocols: [String], minimum: TLSVersion = .v1_2, maximum: TLSVersion = .v1_3
    ) throws -> [UInt8] {
        let context = try TLSContext(
            connecting: TLSClientConfiguration(
                minimumVersion: minimum, maximumVersion: maximum, applicationProtocols: protocols))
        var session = try TLSSession(connecting: context, serverName: "gateway.test")
        var port = TLSPort()
        var plaintext = ByteBuffer()
        var output = ByteBuffer()
        _ = try session.receive(Span(), through: &port, into: &plaintext, output: &output)
        return output.span.bytesArray
    }

    /// The same message in records of so many bytes.
    private func cut(_ record: [UInt8], by count: Int) -> [UInt8] {
        var rest = record.dropFirst(5)
        var records: [UInt8] = []
        while !rest.isEmpty {
            let piece = rest.prefix(count)
            records += [22, 3, 1, UInt8(piece.count >> 8), UInt8(piece.count & 0xFF)] + piece
            rest = rest.dropFirst(count)
        }
        return records
    }

    private static let offers: [[String]] = [
        [], ["mqtt"], ["h2", "http/1.1"], ["x-amzn-mqtt-ca"],
        (0..<40).map { "protocol-\($0)" } + ["http/1.1"],
    ]

    @Test("The protocols it offers are read, in both versions", arguments: offers)
    func offered(protocols: [String]) throws {
        for version in TLSVersion.allCases {
            let bytes = try hello(offering: protocols, minimum: version, maximum: version)
            #expect(ClientHello.read(bytes.span) == .offers(protocols))
            #expect(ClientHello.read((bytes + [1, 2, 3]).span) == .offers(protocols))
        }
    }

    @Test(
        "Every start asks for more; so does every start of one in many records", arguments: offers)
    func pieces(protocols: [String]) throws {
        let whole = try hello(offering: protocols)
        for bytes in [whole, cut(whole, by: 100), cut(whole, by: 3), cut(whole, by: 1)] {
            for count in 0..<bytes.count {
                let reading = ClientHello.read(bytes.span.extracting(0..<count))
                #expect(reading == .incomplete, "\(count)")
            }
            #expect(ClientHello.read(bytes.span) == .offers(protocols))
        }
    }

    @Test("What is no ClientHello is told at its first wrong byte")
    func others() throws {
        let whole = try hello(offering: ["mqtt"])
        var other: [[UInt8]] = [
            Array("GET / HTTP/1.1\r\n".utf8), [0x10], [0x80, 0x2E, 0x01], [23, 3, 1, 0, 1, 1],
            [22, 2, 1, 0, 1], [22, 3, 1, 0, 0], [22, 3, 1, 0x40, 0x01], [22, 3, 1, 0, 4, 2],
            // 16 MB are announced.
            [22, 3, 1, 0, 4, 1, 0xFF, 0xFF, 0xFF],
            // An alert in between.
            Array(cut(whole, by: 100).prefix(105)) + [21, 3, 1, 0, 2, 1, 0],
        ]
        // A session's identifier that is too long for the rest.
        var long = whole
        long[5 + 4 + 34] = 255
        other.append(Array(long.prefix(5 + 4 + 34 + 1)) + [UInt8](repeating: 0, count: long.count))
        for bytes in other {
            #expect(ClientHello.read(bytes.span) == .unreadable, "\(bytes.prefix(16))")
        }
    }

    @Test("One that is too long is not waited for")
    func tooLong() {
        let full =
            [22, 3, 1, 0x40, 0] + [UInt8(1), 0, 0x40, 0] + [UInt8](repeating: 0, count: 16_380)
        #expect(full.count == ClientHello.lengthMaximum)
        #expect(ClientHello.read(full.span) == .unreadable)
        #expect(ClientHello.read(Array(full.dropLast()).span) == .incomplete)
        let message: [UInt8] = [1, 0, 0x40, 0] + [UInt8](repeating: 0, count: 3_000)
        let crumbs = message.flatMap { [22, 3, 1, 0, 1, $0] as [UInt8] }
        #expect(ClientHello.read(crumbs.span) == .unreadable)
    }

    @Test("Any bytes are read to an end, and cut anywhere to the same one")
    func anything() throws {
        var dice = SplitMix64(seed: 7_301)
        let whole = try hello(offering: ["h2", "http/1.1"])
        for round in 0..<5_000 {
            var bytes = round % 3 == 0 ? cut(whole, by: 1 + round % 97) : whole
            for _ in 0..<Int.random(in: 0...4, using: &dice) {
                bytes[Int.random(in: bytes.indices, using: &dice)] = .random(
                    in: 0...255, using: &dice)
            }
            let reading = ClientHello.read(bytes.span)
            let cut = Int.random(in: 0...bytes.count, using: &dice)
            let start = ClientHello.read(bytes.span.extracting(0..<cut))
            #expect(start == .incomplete || start == reading, "round \(round), \(cut)")
        }
    }
}
