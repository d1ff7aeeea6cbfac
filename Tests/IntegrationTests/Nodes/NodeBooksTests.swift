@testable import Gateway
import Ledger
import Linux
import MQTT
import Reactor
import Storage
import Support
import Testing
import Time

extension WholeGateway {
    /// What holds for one gateway's books holds for three that share them: the clock, free codes, corrections.
    @Suite struct NodeBooksTests {
        private func problem(_ gateway: TestGateway) async -> String? {
            await gateway.gateway.readiness().checks.first { $0.name == "clock" }?.problem
        }

        private func code(_ device: TestDevice, _ gateway: TestGateway) throws -> UInt8 {
            try gateway.answer(to: .signed(device, secureMode: 3), version: .v5).code
        }

        @Test(
            "B16: of three nodes one with a wrong clock consumes and ends nothing, and the others go on",
            arguments: [-1, 400] as [Int64])
        func clock(days: Int64) async throws {
            try await TestNodes.run { nodes in
                let product = try await nodes[0].createProduct(codes: 9, validityDays: 30)
                var devices: [TestDevice] = []
                for name in ["d1", "d2", "d3"] {
                    devices.append(try await nodes.device(name, of: product))
                }
                #expect(try code(devices[0], nodes[0]) == 0)
                await nodes.stop(2)
                let wrong = days < 0 ? Timestamp(seconds: 60) : Timestamp.now().adding(days: days)
                try nodes.start(2, time: .manual(ManualClock(wall: wrong)))
                try await nodes.settle()
                #expect(await problem(nodes[2]) != nil)
                #expect(await !nodes[2].gateway.readiness().isReady)
                #expect(try code(devices[0], nodes[2]) == 0)
                #expect(try code(devices[1], nodes[2]) == 0x88)
                #expect(await nodes[2].gateway.sweepEnded() == 0)
                for index in 0..<2 { #expect(await problem(nodes[index]) == nil) }
                #expect(try code(devices[1], nodes[1]) == 0)
                #expect(try code(devices[0], nodes[0]) == 0)
                try await nodes.catchUp()
                try await until { try nodes[0].figures(of: product)?.consumed == 2 }
                await nodes.stop(2)
                try nodes.start(2)
                try await nodes.settle()
                #expect(await problem(nodes[2]) == nil)
                #expect(try code(devices[2], nodes[2]) == 0)
                try await until { try nodes[0].figures(of: product)?.consumed == 3 }
            }
        }

        @Test(
            "A4, A7: free codes are used up once over three nodes, and bought ones come after them")
        func freeCodes() async throws {
            try await TestNodes.run { nodes in
                let product = try await nodes[0].createProductOfFreeCodes(
                    codes: 4, freeMessagesPerDay: 2, messagesPerDay: 100)
                var devices: [TestDevice] = []
                for number in 0..<8 {
                    devices.append(try await nodes.device("d\(number)", of: product))
                }
                var taken: [TestDevice] = []
                for (number, device) in devices.enumerated() {
                    let code = try code(device, nodes[number % 3])
                    if code == 0 { taken.append(device) } else { #expect(code == 0x97) }
                }
                #expect(taken.count == 4)
                // What a free code gives holds wherever the device is.
                let client = try nodes[2].connect(taken[0])
                for expected in [0x10, 0x10, 0x97] as [UInt8] {
                    let answer = try client.publish(taken[0].up(), "m", qos: .atLeastOnce)
                    #expect(answer?.code == expected || (expected == 0x10 && answer?.code == 0))
                }
                try client.leave()
                try await nodes[1].buy(2, for: product)
                let late = devices.filter { !taken.contains($0) }
                let codes = try late.enumerated().map { try code($0.element, nodes[$0.offset % 3]) }
                #expect(codes.count { $0 == 0 } == 2 && codes.count { $0 == 0x97 } == 2)
                for index in 0..<3 {
                    try await until { try nodes[index].figures(of: product)?.consumed == 6 }
                }
            }
        }

        @Test(
            "A11, B17: a correction at one node ends the connection at another, and holds at all of them"
        )
        func corrections() async throws {
            try await TestNodes.run { nodes in
                let product = try await nodes[0].createProduct(codes: 2)
                let first = try await nodes.device("d1", of: product)
                let second = try await nodes.device("d2", of: product)
                let client = try nodes[2].connect(first)
                try await until { try nodes[0].figures(of: product)?.consumed == 1 }
                try await nodes[0].submit(
                    .corrections(.voidConsumption(first.identity, cause: "by mistake")))
                #expect(try client.endingCode() == 0x98)
                for index in 0..<3 {
                    try await until { try nodes[index].figures(of: product)?.consumed == 0 }
                }
                #expect(try code(first, nodes[1]) == 0)
                try await until { try nodes[1].figures(of: product)?.consumed == 1 }
                let again = try nodes[0].connect(first)
                try await nodes[1].submit(
                    .corrections(
                        .move(first.identity, to: second.identity.device, cause: "exchanged")))
                #expect(try again.endingCode() == 0x98)
                try await nodes.catchUp()
                try await until { try code(second, nodes[2]) == 0 }
                for index in 0..<3 {
                    try await until { try nodes[index].figures(of: product)?.consumed == 1 }
                }
            }
        }
    }
}
