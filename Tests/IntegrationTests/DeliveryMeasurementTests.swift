import Delivery
import Testing

extension WholeGateway {
    /// The benchmark of deliveries, with a tiny input.
    @Suite struct DeliveryMeasurementTests {
        @Test("what a delivery costs is measured: same shard, another shard, many subscribers")
        func figures() async throws {
            let figures = try await DeliveryMeasurement.run(messages: 160, subscribers: 10)
            #expect(figures.count == 5)
            #expect(figures.allSatisfy { $0.microseconds > 0 && $0.ratio > 0 })
        }
    }
}
