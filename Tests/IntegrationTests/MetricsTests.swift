import Gateway
import Ledger
import Support
import Testing

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
