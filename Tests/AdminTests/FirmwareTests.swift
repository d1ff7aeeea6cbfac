import Cryptography
import Foundation
import HTTPTypes
import Ledger
import Processes
import Storage
import TestFiles
import Testing
import Time

@testable import Admin
@testable import Gateway

@Suite("Firmware images over HTTP", .serves)
struct FirmwareTests {
    private static let firmware = "/v1/products/lamp/firmware"
    private static let device = "/v1/products/lamp/devices/d1"

    /// An active device `d1` of `lamp`, and links.
    private func client(imageBytes: Int = 1 << 20, images: Int = 20) async throws -> Client {
        let client = try Client {
            $0.firmware.imageBytes = imageBytes
            $0.firmware.imagesPerProduct = images
            $0.firmware.downloads = 2
        }
        try await client.furnish()
        _ = try await client.csv("/v1/products/lamp/devices", "dk,secret\nd1,s1\n")
        #expect(try await client.post("\(Self.device)/activate", [:]).status == 200)
        try client.offerFirmware()
        return client
    }

    private func bytes(_ count: Int, _ seed: UInt8 = 0) -> [UInt8] {
        (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31) &+ seed }
    }

    private func upload(
        _ client: Client, _ version: String, _ bytes: [UInt8], _ more: String = ""
    ) async throws -> Client.Answer {
        try await client.send(
            .post, "\(Self.firmware)?firmware=\(version)\(more)", bytes,
            type: "application/octet-stream")
    }

    private func hash(_ bytes: [UInt8]) -> String { "\(SHA256.hash(bytes.span))" }

    private func files(_ client: Client) -> [String] {
        let path = "\(client.directory)/firmware"
        return (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
    }

    /// Starts an upgrade; the link that the device is told.
    private func link(_ client: Client, _ id: String, _ version: String) async throws -> String {
        let answer = try await client.post(
            "\(Self.device)/firmware", ["id": .text(id), "firmware": .text(version)])
        #expect(answer.status == 201, "\(answer.text)")
        let identity = DeviceIdentity(product: ProductKey("lamp")!, device: DeviceKey("d1")!)
        let offer = try client.controlPlane.ledger.read { books, transaction throws(StoreError) in
            try books.offer(to: identity, in: transaction)
        }
        let links = try #require(client.controlPlane.firmwareLinks)
        let notice = JSON(
            parsing: Array(links.notice(of: try #require(offer), at: client.controlPlane.now).utf8))
        return try #require(notice?["url"]?.text).replacing("https://example.org", with: "")
    }

    @Test("an image is kept whole, and is shown with its SHA-256")
    func upload() async throws {
        let client = try await client()
        let image = bytes(200_000)
        let answer = try await upload(
            client, "2.0", image, "&sha256=\(hash(image))&signature=AQID")
        #expect(answer.status == 201, "\(answer.text)")
        #expect(answer.headers[.location] == "\(Self.firmware)/2.0")
        #expect(answer.json["sha256"]?.text == hash(image))
        #expect(answer.json["sizeBytes"] == 200_000 && answer.json["attempts"] == 1)
        #expect(answer.json["signature"]?.text == "AQID" && answer.json["stored"] == true)
        #expect(try await client.get("\(Self.firmware)/2.0").json == answer.json)
        #expect(files(client).count == 1 && !files(client)[0].hasSuffix(".part"))
        // The same again changes nothing.
        let again = try await upload(client, "2.0", image, "&signature=AQID")
        #expect(again.status == 201 && again.json == answer.json && files(client).count == 1)
        // Its file is lost, and comes back.
        try FileManager.default.removeItem(
            atPath: "\(client.directory)/firmware/\(files(client)[0])")
        #expect(try await client.get("\(Self.firmware)/2.0").json["stored"] == false)
        _ = try await upload(client, "2.0", image, "&signature=AQID")
        #expect(try await client.get("\(Self.firmware)/2.0").json["stored"] == true)
        let list = try await client.get(Self.firmware).json["items"]?.array
        #expect(list == [answer.json])
        #expect(try await client.send(.delete, "\(Self.firmware)/2.0").status == 204)
        #expect(files(client).isEmpty)
        #expect(try await client.get("\(Self.firmware)/2.0").reason == "unknown-firmware")
    }

    @Test("what is not taken leaves nothing behind")
    func refused() async throws {
        let client = try await client(imageBytes: 1_000, images: 1)
        let other = String(repeating: "0", count: 64)
        let cases: [(String, [UInt8], String, Int, String)] = [
            ("1", bytes(1_001), "", 413, "request-too-large"),
            ("1", [], "", 422, "invalid-request"),
            ("1", bytes(10), "&sha256=\(other)", 422, "invalid-request"),
            ("1", bytes(10), "&sha256=12", 422, "invalid-request"),
            ("1", bytes(10), "&signature=%21", 422, "invalid-request"),
            ("%C3%A4", bytes(10), "", 422, "invalid-request"),
        ]
        for (version, image, more, status, reason) in cases {
            let answer = try await upload(client, version, image, more)
            #expect(answer.status == status && answer.reason == reason, "\(answer.text)")
        }
        #expect(files(client).isEmpty)
        #expect(try await upload(client, "1", bytes(1_000)).status == 201)
        let changed = try await upload(client, "1", bytes(1_000, 1))
        #expect(changed.status == 409 && changed.reason == "already-exists")
        let more = try await upload(client, "2", bytes(10))
        #expect(more.status == 409 && more.reason == "too-many-firmware")
        #expect(files(client).count == 1)
        client.controlPlane.set { $0.firmwareLinks = nil }
        #expect(try await upload(client, "1", bytes(10)).reason == "firmware-not-offered")
    }

    @Test("an upload whose command was not answered keeps its file, as it may be carried out still")
    func unanswered() async throws {
        let client = try await client()
        client.controlPlane.set { $0.failure = .unanswered(seconds: 30) }
        #expect(try await upload(client, "1", bytes(10)).status == 503)
        #expect(files(client).count == 1)
        client.controlPlane.set { $0.failure = .diskFull }
        #expect(try await upload(client, "1", bytes(10)).status == 503)
        #expect(files(client).count == 1)
    }

    @Test("a device downloads by its link, whole or in ranges, until its upgrade has ended")
    func download() async throws {
        let client = try await client()
        let image = bytes(150_000)
        _ = try await upload(client, "2.0", image)
        let link = try await link(client, "u1", "2.0")
        func get(_ range: String?, _ more: [String: String] = [:]) async throws -> Client.Answer {
            var headers = more
            if let range { headers["Range"] = range }
            return try await client.send(.get, link, token: nil, headers: headers)
        }
        let whole = try await get(nil)
        #expect(whole.status == 200 && whole.bytes == image)
        #expect(whole.headers[.eTag] == "\"\(hash(image))\"")
        #expect(whole.headers[.acceptRanges] == "bytes")
        let cases: [(String, Range<Int>)] = [
            ("bytes=0-0", 0..<1), ("bytes=100-", 100..<150_000), ("bytes=-1", 149_999..<150_000),
            ("bytes=70000-70009", 70_000..<70_010), ("bytes=149999-999999", 149_999..<150_000),
            ("bytes=-999999", 0..<150_000), ("BYTES=5-9", 5..<10),
        ]
        for (range, place) in cases {
            let part = try await get(range)
            #expect(part.status == 206 && part.bytes == Array(image[place]), "\(range)")
            #expect(
                part.headers[.contentRange]
                    == "bytes \(place.lowerBound)-\(place.upperBound - 1)/150000")
        }
        // What is not known is passed over.
        for range in ["bytes=5-1", "bytes=0-1,4-5", "lines=1-2", "bytes=a-b", "bytes=-", "bytes=1"]
        {
            #expect(try await get(range).status == 200, "\(range)")
        }
        for range in ["bytes=150000-", "bytes=150000-150001", "bytes=-0"] {
            let none = try await get(range)
            #expect(none.status == 416 && none.reason == "range-not-satisfiable", "\(range)")
            #expect(none.headers[.contentRange] == "bytes */150000")
        }
        let tag = try #require(whole.headers[.eTag])
        #expect(try await get("bytes=0-9", ["If-Range": tag]).status == 206)
        #expect(try await get("bytes=0-9", ["If-Range": "\"other\""]).status == 200)
        // It ends with the upgrade, by whoever's report.
        let report: JSON = ["state": "succeeded"]
        _ = try await client.send(.patch, "\(Self.device)/upgrades/u1", report.bytes)
        let ended = try await get(nil)
        #expect(ended.status == 404 && ended.reason == "firmware-link-ended")
        for wrong in ["/v1/firmware/AAAA", "/v1/firmware/\(link.suffix(40))"] {
            let answer = try await client.send(.get, wrong, token: nil)
            #expect(answer.status == 404 && answer.reason == "firmware-link-ended")
        }
    }

    @Test("an image whose bytes another node has still is to be asked for again")
    func elsewhere() async throws {
        let client = try await client()
        client.controlPlane.set { $0.nodes = ["n1", "n2", "n3"].map { NodeName($0)! } }
        _ = try await upload(client, "2.0", bytes(10))
        let shown = try await client.get("\(Self.firmware)/2.0").json
        #expect(shown["stored"] == true && shown["storedOn"] == 2 && shown["nodes"] == 3)
        let link = try await link(client, "u1", "2.0")
        let attempts = try await client.get("\(Self.device)/upgrades/u1").json["attempts"]
        for file in files(client) {
            try FileManager.default.removeItem(atPath: "\(client.directory)/firmware/\(file)")
        }
        let answer = try await client.send(.get, link, token: nil)
        #expect(answer.status == 503 && answer.reason == "firmware-not-here")
        #expect(answer.headers[.retryAfter] == "5")
        let list = try await client.get(Self.firmware).json["items"]?.array?.first
        #expect(list?["stored"] == false && list?["storedOn"] == 1 && list?["nodes"] == 3)
        // The upgrade is under way still, and costs no more.
        let upgrade = try await client.get("\(Self.device)/upgrades/u1").json
        #expect(upgrade["state"]?.text == "requested" && upgrade["attempts"] == attempts)
        // A gateway alone has to wait for people.
        client.controlPlane.set { $0.nodes = [] }
        let alone = try await client.send(.get, link, token: nil)
        #expect(alone.status == 503 && alone.headers[.retryAfter] == "60")
        _ = try await upload(client, "2.0", bytes(10))
        #expect(try await client.send(.get, link, token: nil).status == 200)
        #expect(try await client.get("\(Self.firmware)/2.0").json["nodes"] == 1)
    }

    @Test("a link expires, and is none of another upgrade's")
    func expired() async throws {
        let client = try await client()
        _ = try await upload(client, "2.0", bytes(10))
        let first = try await link(client, "u1", "2.0")
        let report: JSON = ["state": "failed"]
        _ = try await client.send(.patch, "\(Self.device)/upgrades/u1", report.bytes)
        let second = try await link(client, "u2", "2.0")
        #expect(try await client.send(.get, first, token: nil).status == 404)
        #expect(try await client.send(.get, second, token: nil).status == 200)
        client.controlPlane.advance(milliseconds: FirmwareLinks.lifeMilliseconds)
        #expect(try await client.send(.get, second, token: nil).status == 404)
    }

    @Test("D1: an upgrade to an image is admitted as any, and what it is at can be asked")
    func offer() async throws {
        let client = try await client(imageBytes: 12 << 20)
        _ = try await upload(client, "2.0", bytes(10))
        _ = try await upload(client, "big", bytes(6_000_000))
        let path = "\(Self.device)/firmware"
        #expect(try await client.get(path).reason == "unknown-upgrade")
        let big = try await client.post(path, ["id": "u1", "firmware": "big"])
        #expect(big.status == 409 && big.reason == "ota-exhausted")
        let none = try await client.post(path, ["id": "u1", "firmware": "9"])
        #expect(none.status == 404 && none.reason == "unknown-firmware")
        _ = try await link(client, "u1", "2.0")
        let offer = try await client.get(path).json
        #expect(offer["upgrade"]?.text == "u1" && offer["firmware"]?.text == "2.0")
        #expect(offer["percent"] == 0 && offer["heardAt"] == .null)
        let key = try await client.post(path, ["id": "u1", "firmware": "2.0"], key: "k1")
        #expect(key.status == 201)
        #expect(
            try await client.post(path, ["id": "u1", "firmware": "2.0"], key: "k1").json == key.json
        )
        let other = try await client.post(path, ["id": "u2", "firmware": "2.0"])
        #expect(other.status == 409 && other.reason == "firmware-under-way")
        let delete = try await client.send(.delete, "\(Self.firmware)/2.0")
        #expect(delete.status == 409 && delete.reason == "firmware-in-use")
        #expect(try await client.get("\(Self.firmware)/2.0").json["devices"] == 1)
        let events = try await client.get("/v1/events?limit=1000").json["items"]?.array ?? []
        let last = events.suffix(2).map { $0["change"]?.text }
        #expect(last == ["upgrade-requested", "firmware-offered"])
    }
}
