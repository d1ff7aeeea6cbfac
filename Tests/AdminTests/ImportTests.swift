import Bytes
import Gateway
import HTTPTypes
import Hummingbird
import Ledger
import NIOCore
import Processes
import Testing

@testable import Admin

/// Imports over the API, most of them of more rows than one command takes.
@Suite("Imports", .serves)
struct ImportTests {
    private let path = "/v1/products/lamp/devices"

    private static let size = 2 * FleetImport.chunkRows + 500

    private func csv(_ count: Int = size, changing: (Int) -> String? = { _ in nil }) -> String {
        "name,dk,secret\r\n"
            + (0..<count).map { (changing($0) ?? "n\($0),d\($0),") + "\r\n" }.joined()
    }

    /// The devices that the books have, registered, by their own count.
    private func known(_ client: Client) async throws -> Int64? {
        try await client.get("/v1/products/lamp").json["devices"]?["known"]?.integer
    }

    private func state(of answer: Client.Answer, _ client: Client) async throws -> JSON {
        let location = try #require(answer.headers[.location])
        return try await client.get(location).json
    }

    @discardableResult
    private func move(_ client: Client, limit: UInt32 = 1_000) async throws -> Int {
        var count = 0
        while true {
            let command = Command(
                at: client.controlPlane.now, actor: "gateway",
                action: .imports(.move(limit: limit)))
            guard
                case .moved(let moved, let more) = try await client.controlPlane.submit(command)
                    .effect
            else { return count }
            count += Int(moved)
            if !more { return count }
        }
    }

    @Test(
        "a large file is imported in chunks; the answer has the devices in its order, with all secrets"
    )
    func large() async throws {
        let client = try Client()
        try await client.furnish()
        let answer = try await client.csv(path, csv { $0 == 7 ? "\"a, b\",d7,given" : nil })
        #expect(answer.status == 201)
        let lines = answer.text.split(separator: "\r\n")
        #expect(lines.count == Self.size + 1 && lines[0] == "dk,secret,name")
        #expect(lines[8] == "d7,given,\"a, b\"")
        let last = lines[Self.size].split(separator: ",")
        #expect(last[0] == "d\(Self.size - 1)" && last[1].utf8.count == 32)
        #expect(Set(lines.map { $0.split(separator: ",")[1] }).count == lines.count)
        let arriving = try await state(of: answer, client)
        #expect(arriving["state"]?.text == "landing" && arriving["landed"] == 0)
        #expect(arriving["rows"]?.integer == Int64(Self.size))
        #expect(try await known(client) == Int64(Self.size))
        let device = try await client.get("\(path)/d2000")
        #expect(device.status == 200 && device.json["name"]?.text == "n2000")
        #expect(try await move(client) == Self.size)
        let done = try await state(of: answer, client)
        #expect(done["state"]?.text == "done" && done["landed"]?.integer == Int64(Self.size))
        let list = try await client.get("/v1/products/lamp/imports").json
        #expect(list["items"]?.array == [done])
        #expect(try await client.get("/v1/products/lamp/imports/1").reason == "unknown-import")
        #expect(try await client.get("/v1/check").json["balanced"] == true)
    }

    @Test("the device that was imported connects with the secret that the answer has")
    func secrets() async throws {
        let client = try Client()
        try await client.furnish()
        let answer = try await client.csv(path, csv())
        let line = try #require(answer.text.split(separator: "\r\n").last)
        let fields = line.split(separator: ",").map(String.init)
        let identity = DeviceIdentity(
            product: try #require(ProductKey("lamp")), device: try #require(DeviceKey(fields[0])))
        var reader = try client.controlPlane.ledger.reader()
        var sealer = try client.controlPlane.secretKeys.sealer()
        let opened = try reader.withDevice(identity) { _, view in
            guard let view else { return false }
            return sealer.open(view.sealedSecret, of: identity)
        }
        #expect(opened)
        let secret = Array(fields[1].utf8)
        let isSame =
            sealer.secret.count == secret.count
            && secret.indices.allSatisfy { sealer.secret[$0] == secret[$0] }
        #expect(isSame)
    }

    @Test("all or nothing: a bad row is named with its line, and nothing of the file is there")
    func allOrNothing() async throws {
        let client = try Client()
        try await client.furnish()
        _ = try await client.csv(path, "dk,secret\nd2300,s\n")
        let bad: [(row: Int, text: String, reason: String, line: Int64)] = [
            (2_200, "n,d 1,", "invalid-csv", 2_202),
            (2_200, "n,d2200", "invalid-csv", 2_202),
            (2_200, "n,d5,", "import-line", 2_202),
            (2_499, "n,\"d", "invalid-csv", 2_501),
            (0, "n,d2200,", "import-line", 2_202),
            (2_200, "n,x,", "import-line", 2_302),
        ]
        for (row, text, reason, line) in bad {
            let answer = try await client.csv(path, csv { $0 == row ? text : nil })
            #expect(answer.reason == reason)
            #expect(answer.json["line"]?.integer == line, "\(answer.text)")
            #expect(answer.json["detail"]?.text?.hasPrefix("line \(line): ") == true)
            #expect(try await known(client) == 1)
        }
        let imports = try await client.get("/v1/products/lamp/imports").json["items"]?.array ?? []
        #expect(imports.count == bad.count)
        #expect(imports.allSatisfy { $0["state"]?.text == "abandoned" && $0["landed"] == 0 })
        #expect(try await client.send(.delete, "\(path)/d2300").status == 204)
        #expect(try await client.csv(path, csv()).status == 201)
        #expect(try await known(client) == Int64(Self.size))
        try await move(client)
        #expect(try await client.get("/v1/check").json["balanced"] == true)
    }

    @Test(
        "A8: the same file with the same key is answered again; another one, or another secret, is refused"
    )
    func repeated() async throws {
        let client = try Client()
        try await client.furnish()
        func send(_ text: String, _ key: String) async throws -> Client.Answer {
            try await client.send(
                .post, path, Array(text.utf8), type: "text/csv", headers: ["Idempotency-Key": key])
        }
        let first = try await send(csv(), "k1")
        #expect(first.status == 201)
        let events = try await client.get("/v1/events?limit=1000").json["items"]?.array?.count
        for _ in 0..<2 {
            let again = try await send(csv(), "k1")
            #expect(again.status == 201 && again.text == first.text)
            #expect(again.headers[.location] == first.headers[.location])
            try await move(client)
        }
        let other = try await send(csv { $0 == 1 ? "n,d1,given" : nil }, "k1")
        #expect(other.reason == "idempotency-key-reused")
        let longer = try await send(csv(Self.size + 1), "k1")
        #expect(longer.reason == "idempotency-key-reused")
        let small = try await send("dk,secret\nx,\n", "k1")
        #expect(small.reason == "idempotency-key-reused")
        #expect(try await send(csv(), "k2").reason == "import-line")
        let after = try await client.get("/v1/events?limit=1000").json["items"]?.array?.count
        // Begun and abandoned, with the other key.
        #expect(after == events.map { $0 + 2 })
        #expect(try await known(client) == Int64(Self.size))
        // A key whose file was refused can be used for the corrected one.
        #expect(try await send(csv { "n,e\($0)," }, "k2").status == 201)
    }

    // MARK: Sizes

    /// So many devices whose rows are as large as may be: 1,000 of them are too large for one command.
    private func largeDevices(
        _ count: Int, changing: (Int) -> String? = { _ in nil }
    ) -> [(dk: String, name: String)] {
        let name = String(repeating: "\u{1F4A1}", count: DisplayName.maximumLength)
        return (0..<count).map { (changing($0) ?? "d\($0)", name) }
    }

    private func json(_ devices: [(dk: String, name: String)]) -> [UInt8] {
        let rows = devices.map { ["dk": .text($0.dk), "name": .text($0.name)] as JSON }
        return (["devices": .array(rows)] as JSON).bytes
    }

    /// No command fits into no envelope.
    private func expectSmallCommands(_ client: Client) {
        for command in client.controlPlane.log {
            var buffer = Bytes.ByteBuffer()
            command.encode(into: &buffer)
            #expect(buffer.count <= Envelope.maximumBytes)
        }
    }

    private func steps(_ client: Client) -> Int {
        client.controlPlane.log.count {
            if case .imports(.stage) = $0.action { true } else { false }
        }
    }

    @Test("rows that are too large for one command come in steps; JSON is answered as ever")
    func largeJSON() async throws {
        let client = try Client { $0.admin.requestSizeBytes = 16 << 20 }
        try await client.furnish()
        let body = json(largeDevices(3_000))
        func send(_ body: [UInt8], _ key: String) async throws -> Client.Answer {
            try await client.send(.post, path, body, headers: ["Idempotency-Key": key])
        }
        let first = try await send(body, "k1")
        #expect(first.status == 201 && first.headers[.location] == path)
        #expect(first.json["devices"]?.array?.count == 3_000)
        #expect(steps(client) == 7)
        expectSmallCommands(client)
        #expect(try await known(client) == 3_000)
        let sequence = try await client.get("/v1/events?limit=1000").json["items"]?.array?.count
        let again = try await send(body, "k1")
        #expect(again.status == 201 && again.bytes == first.bytes)
        let other = try await send(json(largeDevices(3_000) { $0 == 9 ? "e" : nil }), "k1")
        #expect(other.reason == "idempotency-key-reused")
        let small = try await send(json(largeDevices(1)), "k1")
        #expect(small.reason == "idempotency-key-reused")
        let after = try await client.get("/v1/events?limit=1000").json["items"]?.array?.count
        #expect(after == sequence)
        try await move(client)
        #expect(try await client.get("/v1/check").json["balanced"] == true)
    }

    @Test(
        "a bad row among many large ones is named by its number, as among few, and nothing is there"
    )
    func largeRefused() async throws {
        let client = try Client { $0.admin.requestSizeBytes = 16 << 20 }
        try await client.furnish()
        let few = try await client.send(
            .post, path, json(largeDevices(3) { $0 == 2 ? "d0" : nil }))
        let many = try await client.send(
            .post, path, json(largeDevices(2_000) { $0 == 1_900 ? "d0" : nil }))
        #expect(few.reason == "import-row" && many.reason == "import-row")
        #expect(few.json["line"] == nil && many.json["line"] == nil)
        #expect(few.json["detail"]?.text?.hasPrefix("row 3: ") == true)
        #expect(many.json["detail"]?.text?.hasPrefix("row 1901: ") == true)
        #expect(few.status == many.status)
        #expect(try await known(client) == 0)
        expectSmallCommands(client)
        try await move(client)
        #expect(try await client.get("/v1/check").json["balanced"] == true)
    }

    @Test("A8: what an older program took as one large command is answered again, done or refused")
    func olderAnswer() async throws {
        let client = try Client { $0.admin.requestSizeBytes = 16 << 20 }
        try await client.furnish()
        func submit(_ devices: [(dk: String, name: String)], _ key: String) async throws -> Outcome
        {
            let rows = try devices.map {
                DeviceImport(device: try #require(DeviceKey($0.dk)), secret: nil, name: $0.name)
            }
            let product = try #require(ProductKey("lamp"))
            return try await client.controlPlane.ledger.submit(
                Command(
                    at: client.controlPlane.now, actor: "owner", idempotencyKey: key,
                    action: .imports(.atOnce(product, rows))))
        }
        let (good, bad) = (largeDevices(1_500), largeDevices(1_500) { $0 == 7 ? "d1" : nil })
        #expect(try await submit(bad, "bad").effect == nil)
        #expect(try await submit(good, "good").effect != nil)
        let events = try await client.get("/v1/events?limit=1000").json["items"]?.array?.count
        let refused = try await client.send(
            .post, path, json(bad), headers: ["Idempotency-Key": "bad"])
        #expect(refused.reason == "import-row")
        #expect(refused.json["detail"]?.text?.hasPrefix("row 8: ") == true)
        for _ in 0..<2 {
            let answer = try await client.send(
                .post, path, json(good), headers: ["Idempotency-Key": "good"])
            #expect(answer.status == 201)
        }
        let after = try await client.get("/v1/events?limit=1000").json["items"]?.array?.count
        #expect(after == events)
    }

    @Test("a CSV of few large rows is taken in steps, and answered like one of few small ones")
    func largeCSV() async throws {
        let client = try Client()
        try await client.furnish()
        func text(_ devices: [(dk: String, name: String)]) -> String {
            "dk,secret,name\r\n" + devices.map { "\($0.dk),,\($0.name)\r\n" }.joined()
        }
        let bad = largeDevices(1_000) { $0 == 900 ? "d0" : nil }
        let refused = try await client.csv(path, text(bad))
        #expect(refused.reason == "import-line" && refused.json["line"] == 902)
        #expect(try await known(client) == 0)
        let answer = try await client.csv(path, text(largeDevices(1_000)))
        #expect(answer.status == 201 && answer.headers[.location] == path)
        #expect(try await known(client) == 1_000)
        let large = try await client.csv(
            path, text(largeDevices(2_500) { "f\($0)" }))
        #expect(large.headers[.location]?.contains("/imports/") == true)
        #expect(try await known(client) == 3_500)
        #expect(steps(client) > 8)
        expectSmallCommands(client)
        try await move(client)
        #expect(try await client.get("/v1/check").json["balanced"] == true)
    }

    // MARK: Ends

    private struct Gone: Error {}

    /// The file in pieces; `between` happens when the first half is with the books.
    private func pieces(
        _ text: String,
        _ between: @escaping @Sendable () async throws -> Void
    ) -> AsyncThrowingStream<ByteBuffer, any Error> {
        let bytes = Array(text.utf8)
        let middle = bytes.count / 2
        let step = Step()
        return AsyncThrowingStream {
            switch await step.next() {
            case 0: return ByteBuffer(bytes: bytes[..<middle])
            case 1:
                try await between()
                return ByteBuffer(bytes: bytes[middle...])
            default: return nil
            }
        }
    }

    private actor Step {
        private var count = -1

        func next() -> Int {
            count += 1
            return count
        }
    }

    @Test("a client that goes away midway leaves nothing, and can begin again at once")
    func disconnect() async throws {
        let client = try Client()
        try await client.furnish()
        // An answer that nobody hears.
        let answer = try await client.upload(path, pieces(csv()) { throw Gone() })
        #expect(answer.status == 400)
        #expect(try await known(client) == 0)
        let imports = try await client.get("/v1/products/lamp/imports").json["items"]?.array
        #expect(imports?.map { $0["state"]?.text } == ["abandoned"])
        #expect(try await client.csv(path, csv()).status == 201)
        #expect(try await move(client) > Self.size)
        #expect(try await client.get("/v1/check").json["balanced"] == true)
    }

    @Test("a body that is shorter than announced is not imported")
    func cutShort() async throws {
        let client = try Client()
        try await client.furnish()
        let text = csv()
        let answer = try await client.upload(
            path, headers: ["Content-Length": "\(text.utf8.count + 1)"], pieces(text) {})
        #expect(answer.status == 422)
        #expect(try await known(client) == 0)
    }

    @Test("B9: a product that is deleted meanwhile takes no import")
    func deletedProduct() async throws {
        let client = try Client()
        try await client.furnish()
        let answer = try await client.upload(
            path,
            pieces(csv()) {
                _ = try await client.send(.delete, "/v1/products/lamp")
            })
        #expect(answer.status == 404 && answer.reason == "unknown-product")
        // The first chunk was on its way.
        #expect(try await move(client) <= FleetImport.chunkRows)
        #expect(try await client.get("/v1/check").json["balanced"] == true)
    }

    @Test("a device that came into the books meanwhile stops the import, with its line")
    func registeredMeanwhile() async throws {
        let client = try Client()
        try await client.furnish()
        let path = path
        let answer = try await client.upload(
            path,
            pieces(csv()) {
                _ = try await client.post(path, ["devices": [["dk": "d3"]]])
            })
        #expect(answer.reason == "import-line" && answer.json["line"] == 5)
        #expect(try await known(client) == 1)
    }

    @Test("two imports at once: the one that names a device first has it")
    func twoAtOnce() async throws {
        let client = try Client()
        try await client.furnish()
        let (path, text) = (path, csv())
        let answer = try await client.upload(
            path,
            pieces(text) {
                let other = try await client.csv(path, text)
                #expect(other.reason == "import-line" && other.json["line"] == 2)
            })
        #expect(answer.status == 201)
        #expect(try await known(client) == Int64(Self.size))
    }

    @Test("A8: whoever comes back with the key of an import under way takes its place")
    func takeOver() async throws {
        let client = try Client()
        try await client.furnish()
        let (path, text) = (path, csv())
        let headers = ["Idempotency-Key": "k"]
        let answer = try await client.upload(
            path,
            headers: headers,
            pieces(text) {
                let second = try await client.send(
                    .post, path, Array(text.utf8), type: "text/csv", headers: headers)
                #expect(second.status == 201)
            })
        #expect(answer.reason == "import-not-receiving")
        #expect(try await known(client) == Int64(Self.size))
        let imports = try await client.get("/v1/products/lamp/imports").json["items"]?.array
        #expect(imports?.map { $0["state"]?.text } == ["landing", "abandoned"])
    }

    @Test("when the ledger stops in the middle of it, an import is answered with 503")
    func stopped() async throws {
        let client = try Client()
        try await client.furnish()
        let answer = try await client.upload(
            path, pieces(csv()) { client.controlPlane.ledger.shutdown() })
        #expect(answer.status == 503 && answer.reason == "ledger-unavailable")
    }

    @Test("the spool gives back what it was given, whatever the sizes")
    func spool() throws {
        let client = try Client()
        var spool = Spool(directory: client.directory)
        var expected: [UInt8] = []
        for size in [0, 1, 65_535, 65_536, 200_001, 3] {
            let bytes = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ size) }
            try spool.append { $0 += bytes }
            expected += bytes
        }
        let text = spool.finish()
        #expect(text.count == expected.count)
        for _ in 0..<2 {
            var found: [UInt8] = []
            var pieces = text.pieces()
            while let piece = try pieces.next() { found += piece }
            #expect(found == expected)
        }
        let empty = Spool(directory: client.directory).finish()
        var pieces = empty.pieces()
        #expect(empty.count == 0)
        let first = try pieces.next()
        #expect(first == nil)
    }
}
