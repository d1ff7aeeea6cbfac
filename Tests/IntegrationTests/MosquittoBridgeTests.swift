import Gateway
import Glibc
import MQTT
import Support
import TestFiles
import Testing

extension WholeGateway {
    /// Debian's `mosquitto` as a bridge to the gateway, as it comes: it sets bit 7 of its protocol level at
    /// first, and announces itself by a will below `$SYS`.
    @Suite struct MosquittoBridgeTests {
        /// Starts a broker on a free port of the loopback with such a connection.
        private func broker(
            _ directory: TemporaryDirectory, _ connection: [String]
        ) throws -> (ChildProcess, UInt16) {
            let file = directory.file("mosquitto.conf")
            let port = try Self.freePort()
            let lines =
                [
                    "listener \(port) 127.0.0.1", "allow_anonymous true", "log_type all",
                    "connection gateway", "restart_timeout 1",
                ] + connection
            try Self.write(lines.joined(separator: "\n") + "\n", to: file)
            let process = try ChildProcess("/usr/sbin/mosquitto", ["-c", file])
            let isOpen = process.waitForOutput { output, errors in
                (output + errors).contains("running")
            }
            #expect(isOpen, "\(process.output) \(process.errors)")
            return (process, port)
        }

        private static func write(_ text: String, to path: String) throws {
            // Safe: the path lends its bytes for the call.
            let file = unsafe open(path, O_WRONLY | O_CREAT, 0o644)
            let bytes = Array(text.utf8)
            // Safe: the array lends its bytes for the call.
            let count = unsafe Glibc.write(file, bytes, bytes.count)
            close(file)
            try #require(count == bytes.count)
        }

        private static func freePort() throws -> UInt16 {
            let probe = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
            defer { close(probe) }
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
            var length = socklen_t(MemoryLayout<sockaddr_in>.size)
            // Safe: the address is ours, and as long as is said, for both calls.
            let isBound = unsafe withUnsafeMutablePointer(to: &address) { pointer in
                unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                    unsafe bind(probe, pointer, length) == 0
                        && getsockname(probe, pointer, &length) == 0
                }
            }
            try #require(isBound)
            return UInt16(bigEndian: address.sin_port)
        }

        /// Publishes to `topic` until the message is there: the bridge takes a moment.
        private func expectCrossing(
            _ sender: TestClient, _ topic: String, _ receiver: TestClient, _ process: ChildProcess
        ) throws {
            for _ in 0..<40 {
                try sender.publish(topic, "over", qos: .atLeastOnce)
                do throws(TestClientError) {
                    let message = try receiver.message(seconds: 0.5)
                    #expect(message.topic == topic && message.text == "over")
                    return
                } catch .timedOut {
                    _ = process.waitForOutput(seconds: 0.05) { _, _ in false }
                }
            }
            Issue.record("nothing came over: \(process.output) \(process.errors)")
        }

        @Test(
            "a bridge of mosquitto connects as it comes, and messages cross it both ways",
            arguments: [nil, "mqttv311", "mqttv50"] as [String?]
        )
        func crosses(version: String?) async throws {
            try await TestGateway.run { gateway in
                let directory = TemporaryDirectory()
                let (process, port) = try broker(
                    directory,
                    [
                        "address 127.0.0.1:\(gateway.openPort)", "topic up/# out 1",
                        "topic down/# in 1",
                    ] + (version.map { ["bridge_protocol_version \($0)"] } ?? []))
                let system = try gateway.anonymous("system")
                try system.subscribe("$SYS/#")
                let far = try gateway.anonymous("far")
                try far.subscribe("up/#")
                let near = try TestClient.connected(
                    port: port, version: .v3_1_1, as: .anonymous("near"))
                try expectCrossing(near, "up/x", far, process)
                try near.subscribe("down/#")
                try expectCrossing(far, "down/x", near, process)
                #expect(try await gateway.unread(by: system) == [])
            }
        }

        @Test("a bridge of mosquitto connects with an application's key as well")
        func application() async throws {
            try await TestGateway.run { gateway in
                let product = try await gateway.createProduct()
                let device = try await gateway.importDevice("dk1", into: product)
                let key = try await gateway.createApplication(products: [product])
                let directory = TemporaryDirectory()
                let (process, port) = try broker(
                    directory,
                    [
                        "address 127.0.0.1:\(gateway.plainPort)",
                        "remote_username app:\(key.key)", "remote_password \(key.secret)",
                        "topic d/lamp/+/up/# in 1", "topic d/lamp/+/down/# out 1",
                    ])
                let near = try TestClient.connected(
                    port: port, version: .v3_1_1, as: .anonymous("near"))
                try near.subscribe("d/lamp/+/up/#")
                let client = try gateway.connect(device)
                client.tellsUnheard = true
                try client.subscribe(device.down("#"))
                try expectCrossing(client, device.up(), near, process)
                try expectCrossing(near, device.down(), client, process)
            }
        }
    }
}
