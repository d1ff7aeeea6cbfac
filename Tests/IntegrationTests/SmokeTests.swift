import Gateway
import MQTT
import Support
import Testing

@Suite struct SmokeTests {
    @Test("a device publishes over TLS and an application receives it")
    func uplink() async throws {
        try await TestGateway.run { gateway in
            let product = try await gateway.createProduct()
            let device = try await gateway.importDevice("dk1", into: product)
            let key = try await gateway.createApplication(products: [product])
            let backend = try TestClient.connected(
                port: gateway.plainPort, as: .application(key))
            #expect(try backend.subscribe("d/\(product.key)/+/up/#") == [1])
            let client = try TestClient.connected(
                port: gateway.tlsPort,
                certificates: gateway.certificates,
                as: .signed(device, secureMode: 2)
            )
            #expect(try client.publish(device.up(), "hello", qos: .atLeastOnce)?.code == 0)
            #expect(try backend.message().text == "hello")
        }
    }
}
