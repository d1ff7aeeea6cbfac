import Gateway
import Ledger
import MQTT
import Support
import Synchronization
import Testing

extension WholeGateway {
    /// A code is consumed for a device that gets in, and for no other: what can refuse is asked before the ledger.
    @Suite struct ConsumptionTests {
        @Test(
            "B1, B18: a device for whose session there is no place consumes no code, also when several want the last one"
        )
        func noPlace() async throws {
            try await TestGateway.run(shards: 1, configure: { $0.limits.connections = 4 }) {
                gateway in
                let product = try await gateway.createProduct(codes: 20)
                let devices = try await gateway.importDevices(
                    (1...11).map { "d\($0)" }, into: product)
                // There are eight places: seven sessions are left behind.
                for device in devices[..<7] {
                    let client = try TestClient(port: gateway.plainPort)
                    #expect(try connect(client, device) == 0)
                    try client.leave()
                }
                let port = gateway.plainPort
                let answered = Answered()
                let codes = try await withThrowingTaskGroup(of: UInt8.self) { group in
                    for device in devices[7..<11] {
                        group.addTask {
                            let client = try TestClient(port: port)
                            let code = try connect(client, device)
                            // All stay until all have been answered.
                            answered.count.add(1, ordering: .relaxed)
                            try await until { answered.count.load(ordering: .relaxed) == 4 }
                            withExtendedLifetime(client) {}
                            return code
                        }
                    }
                    return try await group.reduce(into: []) { $0.append($1) }
                }
                #expect(codes.count { $0 == 0 } == 1, "\(codes)")
                #expect(try gateway.figures(of: product)?.consumed == 8)
                // Those that have one come back to it.
                for device in devices[..<7] {
                    let client = try TestClient(port: gateway.plainPort)
                    #expect(try connect(client, device) == 0)
                    try client.leave()
                }
                #expect(try gateway.figures(of: product)?.consumed == 8)
            }
        }
    }
}

private final class Answered: Sendable {
    let count = Atomic(0)
}

private func connect(_ client: TestClient, _ device: TestDevice) throws -> UInt8 {
    try client.connect(as: .signed(device, secureMode: 3), isCleanStart: false) {
        $0.sessionExpiryInterval(seconds: 3_600)
    }.code
}
