import Ledger
import MQTT
import Support
import TestFiles
import Testing

@testable import Gateway

extension WholeGateway {
    /// What the page of metrics says of the books and of the process.
    @Suite struct MetricsTests {
        @Test("B14: codes and devices by state, of all products and of each")
        func products() async throws {
            try await TestGateway.run { gateway in
                let lamp = try await gateway.createProduct(codes: 5)
                let plug = try await gateway.createProduct("plug", codes: 3)
                var clients: [TestClient] = []
                for (number, product) in [lamp, lamp, plug].enumerated() {
                    let device = try await gateway.importDevice("d\(number)", into: product)
                    clients.append(try gateway.connect(device))
                }
                try clients.removeFirst().leave()
                _ = try await gateway.importDevice("waiting", into: plug)
                try await until { await gateway.metric("tollgate_devices{state=\"online\"}") == 2 }
                let page = await gateway.gateway.metricsText()
                func samples(_ family: String) -> [String] {
                    page.split(separator: "\n").filter { $0.hasPrefix("\(family){") }
                        .map { String($0.dropFirst(family.count)) }
                }
                #expect(
                    samples("tollgate_codes") == [
                        "{state=\"assigned\"} 8", "{state=\"remaining\"} 5",
                        "{state=\"consumed\"} 3",
                    ])
                #expect(
                    samples("tollgate_devices") == [
                        "{state=\"known\"} 4", "{state=\"active\"} 3", "{state=\"online\"} 2",
                    ])
                // The one with the most codes first.
                #expect(
                    samples("tollgate_product_codes").prefix(3) == [
                        "{product=\"\(lamp.key)\",state=\"assigned\"} 5",
                        "{product=\"\(lamp.key)\",state=\"remaining\"} 3",
                        "{product=\"\(lamp.key)\",state=\"consumed\"} 2",
                    ])
                #expect(
                    samples("tollgate_product_devices") == [
                        "{product=\"\(lamp.key)\",state=\"known\"} 2",
                        "{product=\"\(lamp.key)\",state=\"active\"} 2",
                        "{product=\"\(lamp.key)\",state=\"online\"} 1",
                        "{product=\"\(plug.key)\",state=\"known\"} 2",
                        "{product=\"\(plug.key)\",state=\"active\"} 1",
                        "{product=\"\(plug.key)\",state=\"online\"} 1",
                    ])
            }
        }

        @Test(
            "devices that are let in, refused and ended, by product and reason; who is near the end"
        )
        func admissions() async throws {
            try await TestGateway.run { gateway in
                let lamp = try await gateway.createProduct(codes: 1)
                let device = try await gateway.importDevice("d1", into: lamp)
                let without = try await gateway.importDevice("d2", into: lamp)
                let client = try gateway.connect(device)
                let stranger = try TestClient(port: gateway.plainPort)
                #expect(
                    try stranger.connect(as: .signed(without, secureMode: 3)).code != 0)
                let forger = try TestClient(port: gateway.plainPort)
                let forged = TestDevice(identity: device.identity, secret: Secret("not-this-one")!)
                #expect(try forger.connect(as: .signed(forged, secureMode: 3)).code != 0)
                try client.leave()
                try await until {
                    await gateway.metric(
                        "tollgate_product_connections_ended_total{product=\"\(lamp.key)\",reason=\"disconnected\"}"
                    ) == 1
                }
                for (reason, count) in [("no-code-left", 1), ("bad-credentials", 1)] {
                    #expect(
                        await gateway.metric(
                            "tollgate_product_connections_ended_total{product=\"\(lamp.key)\",reason=\"\(reason)\"}"
                        ) == count, "\(reason)")
                }
                #expect(
                    await gateway.metric(
                        "tollgate_product_connects_admitted_total{product=\"\(lamp.key)\"}") == 1)
                #expect(await gateway.metric("tollgate_devices_near_expiry") == 0)
            }
        }

        @Test("refusals before a product is known are in the sum by product, without a name")
        func unplaced() async throws {
            try await TestGateway.run { gateway in
                let lamp = try await gateway.createProduct()
                let device = try await gateway.importDevice("d1", into: lamp)
                let forged = TestDevice(identity: device.identity, secret: Secret("not-this-one")!)
                for credentials in [
                    // No device of the product has proved itself since the start.
                    TestCredentials.signed(forged, secureMode: 3),
                    TestCredentials(clientID: "x", userName: "nothing-known", password: "x"),
                    .secret(device),
                ] {
                    let client = try TestClient(port: gateway.plainPort)
                    #expect(try client.connect(as: credentials).code != 0)
                }
                let family = "tollgate_product_connections_ended_total"
                for (reason, count) in [("bad-credentials", 2), ("not-allowed-on-listener", 1)] {
                    let sample = "{product=\"\",reason=\"\(reason)\"}"
                    #expect(await gateway.metric(family + sample) == count, "\(reason)")
                }
            }
        }

        @Test("of more products than are shown, the rest is summed without a name")
        func others() async throws {
            try await TestGateway.run { gateway in
                for number in 0..<102 {
                    let product = try await gateway.createProduct(
                        "lamp\(100 + number)", codes: number < 100 ? 5 : 2, validityDays: 10)
                    let device = try await gateway.importDevice("d1", into: product)
                    guard number > 98 else { continue }
                    try gateway.connect(device).leave()
                }
                for (sample, count) in [
                    ("codes{product=\"lamp100\",state=\"assigned\"}", 5),
                    ("codes{product=\"\",state=\"assigned\"}", 4),
                    ("codes{product=\"\",state=\"consumed\"}", 2),
                    ("devices{product=\"\",state=\"known\"}", 2),
                    ("devices{product=\"\",state=\"active\"}", 2),
                ] {
                    #expect(
                        await gateway.metric("tollgate_product_\(sample)") == count, "\(sample)")
                }
                let page = await gateway.gateway.metricsText()
                #expect(page.ranges(of: "tollgate_product_codes{").count == 303)
                // Three products have such devices: none is left over.
                #expect(!page.contains("near_expiry{product=\"\""))
            }
        }

        @Test(
            "what waits for applications and for devices, and how full each application's fullest queue is",
            arguments: [1, 4])
        func queues(shards: Int) async throws {
            try await TestGateway.run(shards: shards, configure: { $0.limits.queueMessages = 10 }) {
                gateway in
                let product = try await gateway.createProduct(codes: 2)
                let devices = try await gateway.importDevices(["away", "d1"], into: product)
                let key = try await gateway.createApplication(products: [product])
                let other = try await gateway.createApplication("other", products: [product])
                func open(_ credentials: TestCredentials, anew: Bool = true) throws -> TestClient {
                    let client = try TestClient(port: gateway.plainPort)
                    let answer = try client.connect(as: credentials, isCleanStart: anew) {
                        $0.sessionExpiryInterval(seconds: 1_000)
                    }
                    #expect(answer.code == 0)
                    return client
                }
                func isShown(_ messages: Int, _ ofDevices: Int) async -> Bool {
                    let family = "tollgate_queued_messages"
                    let counts = [
                        await gateway.metric("\(family){client=\"applications\"}"),
                        await gateway.metric("\(family){client=\"devices\"}"),
                    ]
                    return counts == [messages, ofDevices]
                }
                #expect(await isShown(0, 0))
                let reader = try open(.application(key))
                try reader.subscribe("d/lamp/+/up/#", qos: .atLeastOnce)
                try reader.leave()
                let away = try open(.signed(devices[0], secureMode: 3))
                try away.subscribe(devices[0].down("#"), qos: .atLeastOnce)
                try away.leave()
                let sender = try gateway.connect(devices[1])
                for _ in 0..<4 {
                    #expect(
                        try sender.publish(devices[1].up(), "abc", qos: .atLeastOnce)?.code == 0)
                }
                let backend = try gateway.connect(other)
                #expect(try backend.publish(devices[0].down(), "x", qos: .atLeastOnce)?.code == 0)
                try await until { await isShown(4, 1) }
                let page = await gateway.gateway.metricsText()
                let name = "{application=\"\(key.key)\"}"
                #expect(page.contains("\ntollgate_application_queued_messages\(name) 4\n"))
                #expect(page.contains("\ntollgate_application_queue_used_ratio\(name) 0.4\n"))
                let bytes = 4 * (devices[1].up().utf8.count + 3)
                #expect(page.contains("\ntollgate_application_queued_bytes\(name) \(bytes)\n"))
                #expect(!page.contains("application=\"\(other.key)\""))
                let back = try open(.application(key), anew: false)
                for _ in 0..<4 { #expect(try back.message().text == "abc") }
                try back.ping()
                try await until { await isShown(0, 1) }
                let later = await gateway.gateway.metricsText()
                #expect(!later.contains("application=\"\(key.key)\""))
            }
        }

        @Test("how old a backup is, is known after a restart, too")
        func backupAge() async throws {
            let directory = TemporaryDirectory()
            /// Of a gateway that begins, and has ended when this returns.
            func finished(
                after body: (TestGateway) async throws -> Void = { _ in }
            ) async throws -> Int? {
                let gateway = try TestGateway(directory: directory)
                try await body(gateway)
                let time = await gateway.metric("tollgate_backup_finished_seconds")
                await gateway.stop()
                return time
            }
            #expect(try await finished() == nil)
            let first = try await finished { gateway in
                let backup = try gateway.gateway.backups.start(in: directory.file("b1"))
                while gateway.gateway.backups.backup(backup.id)?.state == .running {
                    try await Task.sleep(for: .milliseconds(5))
                }
                await gateway.gateway.tellOfNode()
            }
            #expect(first != nil)
            #expect(try await finished() == first)
        }

        @Test(
            "how long it takes: each CONNECT, each handshake and each PUBLISH that is answered is in a histogram"
        )
        func latencies() async throws {
            try await TestGateway.run { gateway in
                // A stored session that is away: messages for it are on the disk before PUBACK.
                let (reader, _) = try gateway.open("reader", .v5, expiry: 1_000)
                try reader.subscribe("t/#", qos: .exactlyOnce)
                try reader.leave()
                let (writer, _) = try gateway.open("writer", .v5, expiry: 0)
                for number in 0..<20 {
                    let qos = number % 2 == 0 ? QoS.atLeastOnce : .exactlyOnce
                    let topic = number % 4 < 2 ? "t/up" : "elsewhere"
                    #expect(try writer.publish(topic, "m", qos: qos) != nil)
                }
                try await until { await gateway.metric("tollgate_publish_seconds_count") == 20 }
                #expect(await gateway.metric("tollgate_connect_seconds_count") == 2)
                #expect(await gateway.metric("tollgate_tls_handshake_seconds_count") == 0)
                let page = await gateway.gateway.metricsText()
                for name in ["publish", "connect"] {
                    let line = try #require(
                        page.split(separator: "\n").first {
                            $0.hasPrefix("tollgate_\(name)_seconds_sum ")
                        })
                    let sum = try #require(line.split(separator: " ").last.flatMap { Double($0) })
                    #expect(sum > 0 && sum < Patience.seconds, "\(name)")
                }
                let commits = "tollgate_store_commit_seconds_count{store=\"usage\"}"
                #expect(try #require(await gateway.metric(commits)) >= 1)
                let turns = "tollgate_loop_seconds_count{shard=\"0\"}"
                #expect(try #require(await gateway.metric(turns)) >= 1)
            }
        }

        @Test("what the process takes of its machine, and what is left of the disk")
        func process() async throws {
            try await TestGateway.run { gateway in
                let page = await gateway.gateway.metricsText()
                func value(_ name: String) -> Double? {
                    page.split(separator: "\n").first { $0.hasPrefix("\(name) ") }
                        .flatMap { Double($0.dropFirst(name.count + 1)) }
                }
                #expect(try #require(value("process_cpu_seconds_total")) > 0)
                let resident = try #require(value("process_resident_memory_bytes"))
                #expect(resident > 1e6)
                #expect(try #require(value("process_virtual_memory_bytes")) > resident)
                #expect(try #require(value("process_threads")) > 1)
                #expect(try #require(value("tollgate_data_free_bytes")) > 0)
                #expect(value("process_start_time_seconds") == value("tollgate_start_time_seconds"))
                #expect(value("tollgate_backup_finished_seconds") == nil)
            }
        }
    }
}
