import Foundation
import Gateway
import MQTT
import NATSServers
import Processes
import Support
import Testing

@testable import LedgerModel

/// Firmware images of a cluster: who was killed while one came, and who downloads where it was not uploaded.
@Suite("Firmware of a cluster by the program", .waits)
struct ClusterFirmwareTests {
    private static let settings = ["--set", "firmware.url=http://127.0.0.1:1"]
    private static let device = TestDevice(
        identity: DeviceIdentity(product: ProductKey("lamp")!, device: DeviceKey("d1")!),
        secret: Secret("s1")!)

    /// What is in the node's directory of images, with the bytes of each.
    private func files(_ node: ClusterNode) -> [String: Int] {
        let directory = node.program.directory.appending(path: "data/firmware").path
        let names = (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []
        return names.reduce(into: [:]) { files, name in
            let path = "\(directory)/\(name)"
            files[name] =
                (try? FileManager.default.attributesOfItem(atPath: path)[.size]) as? Int
        }
    }

    private func upload(
        _ image: Data, as version: String, to serving: Serving
    ) throws -> Program.Result {
        let file = serving.program.directory.appending(path: "image.bin")
        try image.write(to: file)
        return try serving.run(["firmware", "upload", "lamp", version, file.path, "--json"])
    }

    /// The device connects there, and is told a link: its last part.
    private func link(at serving: Serving) throws -> (TestClient, Substring) {
        let client = try TestClient(port: serving.port)
        #expect(try client.connect(as: .signed(Self.device, secureMode: 3)).code == 0)
        try client.subscribe("d/lamp/d1/sys/ota", "d/lamp/d1/sys/ota/#")
        let notice = try client.message().text
        let link = try #require(notice.firstMatch(of: #/"http://127.0.0.1:1/v1/firmware/([^"]+)"/#))
        return (client, link.1)
    }

    @Test(
        "a node that is killed while an image comes has it in the end; its devices download it there"
    )
    func killed() throws {
        let servers = try NATSServers(1)
        let (first, second) = (try ClusterNode("n1", servers), try ClusterNode("n2", servers))
        defer { for node in [first, second] { node.program.remove() } }
        #expect(try first.join("--found").code == 0)
        let one = try Serving(first.program, first.arguments + Self.settings)
        try second.copySecrets(
            of: first, ["device-secrets.key", "mint.key", "ticket.key", "admin.token"])
        #expect(try second.join(one).code == 0)
        var two = try Serving(second.program, second.arguments + Self.settings)
        try one.furnishLamps(otaPerMonth: 100)
        for verb in [["device", "activate", "lamp", "d1"], ["device", "activate", "lamp", "d2"]] {
            #expect(try one.run(verb).code == 0)
        }
        #expect(try two.awaits("\"consumed\":2", ["product", "show", "lamp", "--json"]))

        var image = Data((0..<65_536).map { _ in UInt8.random(in: 0...255) })
        for _ in 0..<9 { image += image }
        let uploaded = try upload(image, as: "2.0", to: one)
        #expect(uploaded.code == 0 && uploaded.output.contains("\"nodes\":2"), "\(uploaded)")
        let hasBegun = Patience.awaits {
            files(second).contains { $0.key.hasSuffix(".part") && $0.value > 0 }
        }
        #expect(hasBegun, "\(files(second))")
        _ = two.end(SIGKILL)
        let kept = files(second)
        #expect(kept.count == 1 && kept.keys.allSatisfy { $0.hasSuffix(".part") }, "\(kept)")
        #expect(try one.run(["firmware", "start", "lamp", "d1", "u1", "2.0"]).code == 0)
        let list = ["firmware", "list", "lamp", "--json"]
        #expect(try one.run(list).output.contains("\"storedOn\":1,\"nodes\":2"))

        two = try Serving(second.program, second.arguments + Self.settings)
        let (client, token) = try link(at: two)
        let copy = second.program.directory.appending(path: "copy.bin")
        let get = "curl -sS -m 60 -o \(copy.path) -w '%{http_code}' $TOLLGATE_API/v1/firmware/"
        var codes: Set<String> = []
        let isThere = try Patience.awaits {
            let code = try two.shell(get + token).output
            codes.insert(code)
            return code == "200"
        }
        #expect(isThere && codes.isSubset(of: ["200", "503"]), "\(codes)")
        #expect(try Data(contentsOf: copy) == image)
        #expect(try one.awaits("\"storedOn\":2,\"nodes\":2", list))
        #expect(two.errors.contains("a firmware image has come from another node"))

        _ = try client.publish(
            "d/lamp/d1/sys/ota/outcome", #"{"id":"u1","outcome":"succeeded"}"#, qos: .atLeastOnce)
        let upgrades = ["device", "upgrades", "lamp", "d1", "--json"]
        #expect(try one.awaits("\"succeeded\"", upgrades))
        let attempts = image.count / 5_242_880 + 1
        #expect(try one.run(upgrades).output.contains("\"attempts\":\(attempts)"))
        for serving in [one, two] {
            #expect(try serving.run(["check"]).output == Program.balance)
        }
        #expect(try two.run(["firmware", "delete", "lamp", "2.0", "--yes"]).code == 0)
        #expect(Patience.awaits { files(first).isEmpty && files(second).isEmpty })
        #expect(two.end() == 0)
        #expect(one.end() == 0)
    }
}
