import Cryptography
import Foundation
import HTTPTypes
import Hummingbird
import Ledger
import NIOCore
import Processes
import Testing
import Time

@testable import Admin
@testable import Gateway

/// The console's pages of firmware images and campaigns, and forms with files.
@Suite("Console: firmware", .serves)
struct ConsoleFirmwareTests {
    private static let page = "products/lamp/firmware"
    private static let campaigns = "products/lamp/campaigns"

    private func client(
        _ configure: (inout GatewayConfiguration) -> Void = { _ in }
    ) async throws -> Client {
        let client = try Client {
            $0.firmware.imageBytes = 200_000
            configure(&$0)
        }
        try await client.furnish()
        _ = try await client.csv("/v1/products/lamp/devices", "dk,secret\nd1,a\nd2,b\n")
        for device in ["d1", "d2"] {
            let answer = try await client.post("/v1/products/lamp/devices/\(device)/activate", [:])
            #expect(answer.status == 200)
        }
        return client
    }

    private func reader(of client: Client) async throws -> Visitor {
        let made = try await client.post(
            "/v1/keys", ["name": "reader", "role": "application", "account": "acme"])
        return try await Visitor(client, try #require(made.json["token"]?.text))
    }

    private func files(_ client: Client) -> [String] {
        let path = "\(client.directory)/firmware"
        return (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
    }

    /// Bytes with all that could be taken for the end of a part.
    private func image(_ count: Int) -> [UInt8] {
        let ends = Array("\r\n--x\r\n-\r\r\n--\r\n\r\n--xy".utf8)
        return (0..<count).map { $0 % 97 < ends.count ? ends[$0 % 97] : UInt8($0 & 0xFF) }
    }

    @Test(
        "an image goes through the form whole, however it comes in pieces",
        arguments: [1, 7, 4_096])
    func upload(pieces: Int) async throws {
        let client = try await client()
        try client.offerFirmware()
        let owner = try await Visitor(client)
        let image = image(pieces == 1 ? 2_000 : 150_000)
        let hash = "\(SHA256.hash(image.span))"
        let made = try await owner.upload(
            "uploadFirmware",
            ["p.pk": "lamp", "firmware": "2.0", "sha256": hash, "signature": ""], image,
            on: Self.page, pieces: pieces)
        #expect(made.status == 303, "\(made.text)")
        let shown = try await client.get("/v1/products/lamp/firmware/2.0").json
        #expect(shown["sha256"]?.text == hash && shown["sizeBytes"]?.integer == Int64(image.count))
        #expect(shown["signature"] == .null && shown["stored"] == true)
        let page = try await owner.page(Self.page).text
        #expect(page.contains("<code class=\"digest\">\(hash)</code>"))
        #expect(page.contains("Bytes at most: 200,000") && page.contains("data-maximum=\"200000\""))
        #expect(!page.contains("on nodes:"))
        client.controlPlane.set { $0.nodes = ["n1", "n2", "n3"].map { NodeName($0)! } }
        #expect(try await owner.page(Self.page).text.contains("on nodes: 2 / 3"))
        for (typed, status) in [("2", 422), ("2.0", 303)] {
            let deleted = try await owner.send(
                "deleteFirmware",
                [
                    "p.pk": "lamp", "p.firmware": "2.0", "_expected": "2.0", "_typed": typed,
                ], on: Self.page)
            #expect(deleted.status == status)
        }
        #expect(files(client).isEmpty)
    }

    @Test(
        "what is not taken is told on the page, at its field, and leaves nothing behind",
        arguments: ["en", "zh"])
    func refused(language: String) async throws {
        let client = try await client()
        try client.offerFirmware()
        let owner = try await Visitor(client, language: language)
        func send(
            _ version: String, _ sha256: String, _ image: [UInt8], token: String? = nil
        ) async throws -> Client.Answer {
            try await owner.upload(
                "uploadFirmware",
                ["p.pk": "lamp", "firmware": version, "sha256": sha256, "signature": ""], image,
                on: Self.page, as: "uploadFirmware:lamp", token: token)
        }
        let other = String(repeating: "0", count: 64)
        for (version, sha256, field) in [
            ("ä", "", "firmware"), ("1", "12", "sha256"), ("1", other, "sha256"),
        ] {
            let wrong = try await send(version, sha256, image(100))
            #expect(wrong.status == 422)
            #expect(wrong.text.contains("id=\"uploadFirmware:lamp-\(field)-fault\""), "\(field)")
            #expect(wrong.text.contains("value=\"\(version)\""))
        }
        let large = try await send("1", "", image(200_001))
        #expect(large.status == 413)
        #expect(large.text.contains("200000 bytes"))
        #expect(try await send("1", "", image(10), token: other).status == 403)
        #expect(files(client).isEmpty)
        // A form that breaks off is none, and a file is no answer to another operation.
        let wrong = try await owner.upload(
            "createPackage", ["id": "gold"], image(10), on: "packages")
        #expect(wrong.status == 415)
    }

    @Test("a name that a form has more than once has all its values, but for the empty one")
    func repeatedNames() {
        func fields(_ text: String) -> [String: String] { ConsoleForm.fields(of: Array(text.utf8)) }
        #expect(fields("a=1&b=2&a=3") == ["a": "1\n3", "b": "2"])
        // A list whose boxes are all empty is sent as an empty one, in front of those that are ticked.
        #expect(fields("a=") == ["a": ""] && fields("a=&a=x") == ["a": "x"])
        #expect(fields("a=x&a=&a=y&a=") == ["a": "x\ny"])
        // What one field has is left as it is.
        #expect(fields("a=%0A1%0D%0A%0D%0A2") == ["a": "\n1\n\n2"])
        let many = fields(Array(repeating: "a=xy", count: 20_000).joined(separator: "&"))
        #expect(many["a"]?.utf8.count == 3 * 20_000 - 1)
    }

    @Test("before anyone has signed in, a form with parts has no more room than another one")
    func signInByParts() async throws {
        let client = try Client()
        func signIn(_ filling: Int) async throws -> Client.Answer {
            let text =
                "--xx\r\nContent-Disposition: form-data; name=\"token\"\r\n\r\n"
                + String(repeating: "x", count: filling) + "\r\n--xx--\r\n"
            return try await client.send(
                .post, "/console/sign-in", Array(text.utf8),
                type: "multipart/form-data; boundary=xx", token: nil,
                headers: ["Origin": "http://test"])
        }
        // It is read, and has not the page's pair.
        #expect(try await signIn(7_000).status == 422)
        #expect(try await signIn(9_000).status == 413)
        #expect(try await signIn(60_000).status == 413)
    }

    @Test("fields are read up to a limit, and a body that ends early is refused")
    func parts() async throws {
        func parts(_ text: String) -> FormParts {
            FormParts(
                RequestBody(buffer: ByteBuffer(string: text)), boundary: "xx", upTo: 65_536)
        }
        func field(_ name: String, _ value: String) -> String {
            "--xx\r\nContent-Disposition: form-data; name=\"\(name)\"\r\n\r\n\(value)\r\n"
        }
        let (values, hasFile) = try await parts(
            field("a", "1\r\n-") + field("b", "") + "--xx--\r\n"
        ).fields()
        #expect(values == ["a": "1\r\n-", "b": ""] && !hasFile)
        for text in [
            "", "--xx", "--xx\r\n\r\n\r\n", field("a", "1"), "--xxy\r\n", field("", "") + "--xx",
        ] {
            await #expect(throws: Problem.self, "\(text)") { _ = try await parts(text).fields() }
        }
        let long = field("a", String(repeating: "x", count: 70_000)) + "--xx--\r\n"
        await #expect(throws: Problem.self) { _ = try await parts(long).fields() }
        let file = parts(
            field("a", "1")
                + "--xx\r\nContent-Disposition: form-data; name=\"f\"; filename=\"\"\r\n\r\nhalf")
        #expect(try await file.fields().hasFile)
        await #expect(throws: Problem.self) {
            while try await file.next() != nil {}
        }
    }

    @Test(
        "a gateway that takes no images says so, and has no forms for them",
        arguments: [("en", "offers no firmware"), ("zh", "网关未启用固件升级")])
    func off(language: String, words: String) async throws {
        for node in [nil, "n1"] {
            let client = try await client { $0.cluster.node = node }
            let owner = try await Visitor(client, language: language)
            for page in [Self.page, Self.campaigns, "products/lamp/devices/d1/upgrades"] {
                let text = try await owner.page(page).text
                #expect(text.contains(words), "\(page)")
                #expect(text.contains("firmware.url"), "\(page)")
                for operation in ["uploadFirmware", "createCampaign", "offerFirmware"] {
                    #expect(!text.contains(operation), "\(page)")
                }
            }
        }
    }

    @Test(
        "a campaign is made for all, some or named devices, paused, resumed, and stopped when its name is typed"
    )
    func campaign() async throws {
        let client = try await client()
        try client.offerFirmware()
        let owner = try await Visitor(client)
        _ = try await owner.upload(
            "uploadFirmware", ["p.pk": "lamp", "firmware": "2.0"], image(10), on: Self.page)
        func create(_ id: String, _ metadata: String, _ devices: String) async throws
            -> Client.Answer
        {
            try await owner.send(
                "createCampaign",
                [
                    "p.pk": "lamp", "id": id, "firmware": "2.0", "perMinute": "60",
                    "endsAt": "2026-12-31", "stopPercent": "30", "metadata": metadata,
                    "devices": devices,
                ], on: Self.campaigns, as: "createCampaign:lamp")
        }
        #expect(try await create("all", "", "").status == 303)
        #expect(try await create("some", "room=hall", "").status == 303)
        #expect(try await create("named", "", "d1\r\nd2").status == 303)
        let both = try await create("both", "room=hall", "d1")
        #expect(both.status == 422 && both.text.contains("value=\"room=hall\""))
        let list = try await client.get("/v1/products/lamp/campaigns").json["items"]?.array ?? []
        #expect(list.map { $0["id"]?.text } == ["all", "named", "some"])
        #expect(list.map { $0["devices"]?.integer } == [nil, 2, nil])
        #expect(list.map { $0["metadata"]?.text } == [nil, nil, "room=hall"])
        client.controlPlane.advance(milliseconds: 60_000)
        _ = try await client.controlPlane.submit(
            Command(
                at: client.controlPlane.now, actor: Command.gatewayActor,
                action: .campaigns(
                    .advance(ProductKey("lamp")!, CampaignID("all")!, looks: 500))))
        let path = "\(Self.campaigns)/all"
        let asked = try await owner.page(path).text
        #expect(asked.contains("products/lamp/devices/d1/upgrades") && asked.contains("<select"))
        #expect(asked.contains("csv/listCampaignDevices?campaign=all"))
        let failed = try await owner.page("\(path)?state=failed").text
        #expect(!failed.contains("products/lamp/devices/d1/upgrades"))
        func turn(_ verb: String, typed: String = "all") async throws -> Int {
            let expected = verb == "stop" ? "all" : ""
            let turned = try await owner.send(
                "\(verb)Campaign",
                [
                    "p.pk": "lamp", "p.campaign": "all", "_expected": expected, "_typed": typed,
                ], on: path)
            return turned.status
        }
        #expect(try await owner.page(path).text.contains(">Running<"))
        for (verb, word) in [("pause", ">Paused<"), ("resume", ">Running<"), ("stop", ">Stopped<")]
        {
            #expect(try await turn(verb) == 303)
            #expect(try await owner.page(path).text.contains(word), "\(verb)")
        }
        #expect(try await turn("stop", typed: "") == 422)
        let page = try await owner.page(path).text
        #expect(!page.contains("resumeCampaign") && !page.contains("stopCampaign"))
        #expect(try await owner.page("\(Self.campaigns)/none").status == 404)
        #expect(try await owner.page("\(path)/all").status == 404)
        let reader = try await reader(of: client)
        let seen = try await reader.page("\(Self.campaigns)/some").text
        #expect(seen.contains("room=hall") && !seen.contains("pauseCampaign"))
    }

    @Test("a device’s upgrade is begun, shown with how far it is, and reported for it")
    func offer() async throws {
        let client = try await client()
        try client.offerFirmware()
        let owner = try await Visitor(client)
        _ = try await owner.upload(
            "uploadFirmware", ["p.pk": "lamp", "firmware": "2.0"], image(10), on: Self.page)
        let path = "products/lamp/devices/d1/upgrades"
        // An application may have its devices upgrade.
        let reader = try await reader(of: client)
        #expect(try await reader.page(path).text.contains("<option value=\"2.0\">"))
        let begun = try await reader.send(
            "offerFirmware", ["p.pk": "lamp", "p.dk": "d1", "firmware": "2.0", "id": "u1"], on: path
        )
        #expect(begun.status == 303, "\(begun.text)")
        let page = try await owner.page(path).text
        #expect(page.contains("<progress max=\"100\" value=\"0\"") && page.contains("0 / 100"))
        #expect(!page.contains("offerFirmware"))
        let inUse = try await owner.send(
            "deleteFirmware", ["p.pk": "lamp", "p.firmware": "2.0"], on: Self.page)
        #expect(inUse.status == 409 && inUse.text.contains("upgrading"))
        let reported = try await owner.send(
            "reportUpgrade",
            ["p.pk": "lamp", "p.dk": "d1", "p.upgrade": "u1", "state": "succeeded"], on: path)
        #expect(reported.status == 303)
        let after = try await owner.page(path).text
        #expect(after.contains(">Succeeded<") && after.contains("offerFirmware"))
    }
}
