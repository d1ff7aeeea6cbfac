import Foundation
import Gateway
import Ledger
import MQTT
import NATSServers
import Processes
import Replication
import Support
import Testing

@testable import JetStream

/// A gateway alone whose products name streams, by the program, on NATS servers of the test's own.
@Suite("Uplink into streams by the program", .waits)
struct UplinkTests {
    private static let device = TestDevice(
        identity: DeviceIdentity(product: ProductKey("lamp")!, device: DeviceKey("d1")!),
        secret: Secret("s1")!)

    private func arguments(_ program: Program, _ servers: NATSServers) throws -> [String] {
        let password = program.directory.appending(path: "nats.password")
        try Data("correct horse\n".utf8).write(to: password)
        return [
            "uplink.servers=\(servers.urls.joined(separator: " "))", "uplink.user=tollgate",
            "uplink.passwordFile=nats.password", "uplink.replicas=\(servers.count)",
        ].flatMap { ["--set", $0] }
    }

    private func furnish(_ serving: Serving) throws {
        for command in [
            ["account", "create", "--id", "acme", "--name", "Acme"],
            ["package", "create", "--id", "basic", "--name", "Basic", "--validity-days", "30"],
            ["product", "create", "--pk", "lamp", "--name", "Lamp", "--account", "acme"],
            [
                "codes", "buy", "acme", "--package", "basic", "--quantity", "7", "--product",
                "lamp",
            ],
        ] {
            let result = try serving.run(command)
            #expect(result.code == 0, "\(result.errors)")
        }
        let rows = "dk,secret\nd1,s1\n"
        #expect(try serving.run(["device", "import", "lamp", "-"], input: rows).code == 0)
    }

    /// The payloads in the stream, in order.
    private func texts(_ servers: NATSServers) throws -> [String] {
        let link = try Link(servers.settings())
        defer { link.close() }
        let api = StreamAPI(link, servers.settings(stream: "MACHINES"))
        var found: [String] = []
        let last = try api.patiently(20_000) { () throws(StreamAPI.Failure) in try api.info() }.last
        for position in stride(from: 1, through: last, by: 1) {
            if let entry = try api.entry(at: position) {
                found.append(String(decoding: entry.bytes, as: UTF8.self))
            }
        }
        return found
    }

    @Test("What was acknowledged is in the stream, after kill -9 of the gateway and of the server")
    func killed() throws {
        let servers = try NATSServers(1)
        let program = try Program()
        defer { program.remove() }
        let arguments = try arguments(program, servers)
        var serving = try Serving(program, arguments)
        try furnish(serving)
        let named = try serving.run(["product", "uplink", "lamp", "MACHINES"])
        #expect(named.code == 0 && named.output.contains("MACHINES"), "\(named)")
        var acknowledged: [String] = []
        for round in 0..<5 {
            let client = try TestClient.connected(
                port: serving.port, as: .signed(Self.device, secureMode: 3))
            for number in 0..<20 {
                let text = "\(round)-\(number)"
                let answer = try client.publish(Self.device.up(), text, qos: .atLeastOnce)
                #expect(answer?.code == 0)
                acknowledged.append(text)
            }
            // Several are under way when it ends.
            for number in 0..<10 {
                try client.sendPublish(
                    Self.device.up(), Array("\(round)+\(number)".utf8), qos: .atLeastOnce,
                    packetID: UInt16(1_000 + number))
            }
            _ = serving.end(SIGKILL)
            if round == 2 {
                try servers.stop(0, kill: true)
                try servers.start(0)
            }
            serving = try Serving(program, arguments)
        }
        let found = try texts(servers)
        #expect(found.filter { $0.contains("-") } == acknowledged)
        #expect(Set(found).count == found.count)
        #expect(serving.end() == 0)
    }

    @Test("While the servers are away nothing is acknowledged, and the gateway says so; then it is")
    func away() throws {
        let servers = try NATSServers(1)
        let program = try Program()
        defer { program.remove() }
        let serving = try Serving(program, try arguments(program, servers))
        try furnish(serving)
        #expect(try serving.run(["product", "uplink", "lamp", "MACHINES"]).code == 0)
        let client = try TestClient.connected(
            port: serving.port, as: .signed(Self.device, secureMode: 3))
        #expect(try client.publish(Self.device.up(), "1", qos: .atLeastOnce)?.code == 0)
        try servers.stop(0, kill: true)
        try client.sendPublish(Self.device.up(), [0x32], qos: .atLeastOnce, packetID: 99)
        try client.ping()
        #expect(
            Patience.awaits {
                serving.errors.contains("devices' messages can't be put into a stream")
            })
        try servers.start(0)
        #expect(try client.acknowledgement(.puback, 99).code == 0)
        #expect(try texts(servers) == ["1", "2"])
        #expect(serving.end() == 0)
    }

    @Test("Without servers a product can't name a stream, and is told what to configure")
    func unconfigured() throws {
        let program = try Program()
        defer { program.remove() }
        let serving = try Serving(program)
        try furnish(serving)
        let named = try serving.run(["product", "uplink", "lamp", "MACHINES"])
        #expect(named.code == 1 && named.errors.contains("uplink-not-configured"), "\(named)")
        #expect(serving.end() == 0)
    }

    /// Asks, and waits for the answer.
    private func ask(
        _ link: Link, _ subject: String, _ header: [StreamMessage.Header], _ payload: String
    ) throws -> String {
        let inbox = "_INBOX.\(RandomName.make())"
        let answers = try link.connection.subscribe(to: inbox)
        try link.connection.publish(
            Array(payload.utf8), on: "tollgate.downlink.\(subject)", reply: inbox, header)
        let answer = try answers.next(milliseconds: 20_000)
        return String(decoding: answer.bytes, as: UTF8.self)
    }

    @Test("C10: a request for a message to a device is answered with what became of it")
    func downlink() throws {
        let servers = try NATSServers(1)
        let program = try Program()
        defer { program.remove() }
        let serving = try Serving(program, try arguments(program, servers))
        try furnish(serving)
        let rows = "dk,secret\nd.2,s2\n"
        #expect(try serving.run(["device", "import", "lamp", "-"], input: rows).code == 0)
        let client = try TestClient.connected(
            port: serving.port, as: .signed(Self.device, secureMode: 3))
        try client.subscribe(Self.device.down("#"))
        let link = try Link(servers.settings())
        defer { link.close() }
        let topic = [StreamMessage.Header("Tollgate-Topic", "set/a%20b")]
        // It subscribes some time after the start.
        #expect(
            Patience.awaits {
                (try? ask(link, "lamp.d1", topic, "on")) == #"{"outcome":"delivered"}"#
            })
        let message = try client.message()
        #expect(message.topic == Self.device.down("set/a b") && message.text == "on")
        #expect(message.qos == .atMostOnce || message.qos == .atLeastOnce)
        for (subject, header, reason) in [
            ("lamp.d%2E2", topic, "not-connected"), ("lamp.d9", topic, "unknown-device"),
            ("none.d1", topic, "unknown-product"), ("lamp", topic, "invalid-request"),
            ("lamp.d1.x", topic, "invalid-request"), ("lamp.d%ZZ", topic, "invalid-request"),
            ("lamp.d1", [], "invalid-request"),
            ("lamp.d1", [.init("Tollgate-Topic", "a/#")], "invalid-request"),
            ("lamp.d1", topic + [.init("Tollgate-QoS", "2")], "invalid-request"),
        ] {
            let answer = try ask(link, subject, header, "x")
            #expect(answer.contains("\"reason\":\"\(reason)\""), "\(subject): \(answer)")
        }
        #expect(serving.end() == 0)
    }
}
