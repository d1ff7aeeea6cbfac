import Gateway
import Ledger
import Linux
import Support
import Testing

extension WholeGateway {
    /// Many at once.
    @Suite struct CrowdTests {
        @Test(
            "1,000 devices connect at once, ten connections each, 900 codes: exactly 900 consumed")
        func thousandDevices() async throws {
            try await TestGateway.run(configure: { $0.limits.handshakesInFlight = 20_000 }) {
                gateway in
                let product = try await gateway.createProduct(codes: 900)
                let devices = try await gateway.importDevices(
                    (0..<1_000).map { "dk\($0)" }, into: product)
                let packets = devices.map {
                    TestCredentials.signed($0, secureMode: 3).connectPacket()
                }
                // Ten rounds of all devices, as much of it under way at once as there are descriptors
                // for both ends, and for the other tests.
                let width = min(8_000, try ProcessLimits.raiseOpenFiles(to: 1 << 16) / 3)
                let answers = try ConnectCrowd.send(
                    (0..<10).flatMap { _ in packets }, to: gateway.plainPort, width: width,
                    manner: .waitsForAnswer, seconds: 60)

                var admitted: Set<Int> = []
                var refused: Set<Int> = []
                for (index, answer) in answers.enumerated() {
                    // The reason code of a CONNACK.
                    let code = answer.count >= 4 && answer[0] == 0x20 ? answer[3] : nil
                    switch code {
                    case 0: admitted.insert(index % devices.count)
                    case 0x97: refused.insert(index % devices.count)
                    default: Issue.record("connection \(index) was answered \(answer)")
                    }
                }
                #expect(admitted.count == 900)
                #expect(refused.count == 100)
                #expect(admitted.isDisjoint(with: refused))
                let figures = try gateway.figures(of: product)
                #expect(figures?.consumed == 900)
                #expect(figures?.remaining == 0)
                #expect(figures?.devicesActive == 900)
                for (index, device) in devices.enumerated() {
                    let codes = try gateway.record(of: device.identity)?.codesConsumed
                    #expect(codes == (admitted.contains(index) ? 1 : 0))
                }
                #expect(try gateway.gateway.ledger.verify().isEmpty)
            }
        }
    }
}
