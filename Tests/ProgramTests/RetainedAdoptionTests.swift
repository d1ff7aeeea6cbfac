import Foundation
import Gateway
import Ledger
import MQTT
import NATSServers
import Processes
import Support
import Testing

@testable import JetStream

/// The stream of retained messages is lost, and the log is whole.
@Suite("A stream of retained messages that was lost, by the program", .waits)
struct RetainedAdoptionTests {
    @Test(
        "it begins anew with what the nodes have, and retaining works again; a whole one is left alone"
    )
    func lost() throws {
        let servers = try NATSServers(3)
        let nodes = try ["n1", "n2"].map { try ClusterNode($0, servers) }
        defer { for node in nodes { node.program.remove() } }
        #expect(try nodes[0].join("--found").code == 0)
        var one = try nodes[0].serve()
        try one.furnishLamps()
        try nodes[1].copySecrets(of: nodes[0], ["device-secrets.key", "mint.key", "ticket.key"])
        #expect(try nodes[1].join(one).code == 0)
        var two = try nodes[1].serve()
        let application = try RetainingApplication(of: one)
        #expect(try application.retain("plant/1", "on", at: one) == 0)
        #expect(try application.retain("plant/2", "old", at: two) == 0)
        for serving in [one, two] {
            #expect(try application.awaits(["plant/1": "on", "plant/2": "old"], at: serving))
        }
        try remove(servers)
        _ = try application.retain("plant/2", "lost", at: one)
        #expect(Patience.awaits { one.errors.contains("messages are not retained here now") })
        #expect(one.end() == 0)
        let adopted = try adopt(nodes[0])
        #expect(adopted.code == 0, "\(adopted)")
        #expect(adopted.output.contains("retained messages of cluster"), "\(adopted)")
        #expect(two.end() == 0)
        one = try nodes[0].serve()
        two = try nodes[1].serve()
        for serving in [one, two] {
            #expect(try application.awaits(["plant/1": "on", "plant/2": "old"], at: serving))
        }
        #expect(try application.retain("plant/2", "new", at: two) == 0)
        #expect(try application.retain("plant/1", "", at: one) == 0)
        for serving in [one, two] {
            #expect(try application.awaits(["plant/2": "new"], at: serving))
        }
        for serving in [one, two] { #expect(serving.end() == 0) }
        let again = try adopt(nodes[0])
        #expect(again.code == 1, "\(again)")
    }

    private func adopt(_ node: ClusterNode) throws -> Program.Result {
        try node.program.run(
            ["cluster", "adopt", "--config", "tollgate.yaml", "--without", "n2", "--yes"]
                + node.arguments)
    }

    private func remove(_ servers: NATSServers) throws {
        let link = try Link(servers.settings())
        defer { link.close() }
        try StreamAPI(link, servers.settings(stream: "TOLLGATE").ofRetained).remove()
    }
}

/// An application that retains messages to the device d1, at any node, and what that device is handed out.
struct RetainingApplication {
    private static let device = TestDevice(
        identity: DeviceIdentity(product: ProductKey("lamp")!, device: DeviceKey("d1")!),
        secret: Secret("s1")!)
    private let credentials: TestCredentials

    init(of serving: Serving) throws {
        let made = try serving.run(["key", "create", "--name", "retainer", "--json"])
        let found = try JSONSerialization.jsonObject(with: Data(made.output.utf8))
        let key = try #require(found as? [String: Any])
        credentials = TestCredentials(
            clientID: "retainer", userName: try #require(key["userName"] as? String),
            password: try #require(key["secret"] as? String))
    }

    /// What was made at one node has no name at another one until that has read so far in the log.
    private func connect(_ credentials: TestCredentials, at serving: Serving) throws -> TestClient {
        var client: TestClient?
        _ = try Patience.awaits {
            do {
                client = try TestClient.connected(port: serving.port, as: credentials)
                return true
            } catch let refusal as TestRefusal where refusal.connack.code == 0x86 {
                return false
            }
        }
        return try #require(client, "a node has not read what another one made")
    }

    /// The code of the acknowledgement; 0 also when the device is not there.
    func retain(_ name: String, _ text: String, at serving: Serving) throws -> UInt8? {
        let client = try connect(credentials, at: serving)
        defer { try? client.leave() }
        let answer = try client.publish(
            Self.device.down(name), text, qos: .atLeastOnce, isRetained: true)
        return answer.map { $0.code == 0x10 ? 0 : $0.code }
    }

    /// Whether the device is handed out just that soon.
    func awaits(_ expected: [String: String], at serving: Serving) throws -> Bool {
        let topics = Dictionary(
            uniqueKeysWithValues: expected.map { (Self.device.down($0.key), $0.value) })
        return try Patience.awaits {
            let client = try connect(.signed(Self.device, secureMode: 3), at: serving)
            defer { try? client.leave() }
            try client.subscribe(Self.device.down("#"))
            var found: [String: String] = [:]
            while true {
                do throws(TestClientError) {
                    let message = try client.message(
                        seconds: found.count < topics.count ? 2 : 0.1)
                    found[message.topic] = message.text
                } catch { break }
            }
            return found == topics
        }
    }
}
