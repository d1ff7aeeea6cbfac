import Gateway
import Ledger
import Storage
import Support
import Testing

extension WholeGateway {
    /// Maps that fill up.
    @Suite struct MapSpaceTests {
        private static let mapBytes = 1 << 20

        /// What readiness says of the maps when that of the books was filled to more than 80 % of what it was.
        private func problem(
            maximumBytes: Int
        ) async throws -> (problem: String?, figures: EnvironmentFigures) {
            try await TestGateway.run(
                configure: {
                    $0.storage.ledgerMapBytes = Self.mapBytes
                    $0.storage.ledgerMapMaximumBytes = maximumBytes
                }
            ) { gateway in
                let environment = gateway.gateway.ledger.environment
                let product = try await gateway.createProduct()
                var number = 0
                while environment.figures.mapUsedBytes <= Self.mapBytes * 82 / 100 {
                    number += 1
                    let names = (0..<20).map { "d\(number)-\($0)" }
                    _ = try await gateway.importDevices(names, into: product)
                }
                let checks = await gateway.gateway.readiness().checks
                return (
                    checks.first { $0.name == "map-space" }?.problem, environment.figures
                )
            }
        }

        @Test("A map over 80 % full is a reason not to be ready")
        func full() async throws {
            let (problem, figures) = try await problem(maximumBytes: 0)
            #expect(problem?.hasPrefix("the map of ledger is 8") == true, "\(problem ?? "none")")
            #expect(figures.mapSizeBytes == Self.mapBytes)
        }

        @Test("A map that may grow does so while the gateway serves, and is no reason")
        func grown() async throws {
            let (problem, figures) = try await problem(maximumBytes: 1 << 24)
            #expect(problem == nil)
            #expect(figures.mapSizeBytes == 2 * Self.mapBytes)
            #expect(figures.maximumMapSizeBytes == 1 << 24)
        }
    }
}
