import Gateway
import Ledger
import MQTT
import Reactor
import Support
import TestFiles
import Testing
import Time

extension WholeGateway {
    /// Allowances as clients see them (rules C1 to C5).
    @Suite struct QuotaTests {
        @Test(
            "C4: over the quota PUBACK and PUBREC say 0x97 with a reason, and the connection stays")
        func refused() async throws {
            try await TestGateway.run { gateway in
                let product = try await gateway.createProduct(messagesPerDay: 3)
                let device = try await gateway.importDevice("dk1", into: product)
                let key = try await gateway.createApplication(products: [product])
                let backend = try gateway.connect(key, subscribedTo: "d/lamp/+/up/#")
                let client = try gateway.connect(device)
                try client.subscribe(device.sys("#"))
                for number in 0..<3 {
                    let answer = try client.publish(device.up(), "\(number)", qos: .atLeastOnce)
                    #expect(answer?.code == 0)
                }
                for qos in [QoS.atLeastOnce, .exactlyOnce, .atLeastOnce] {
                    let answer = try client.publish(device.up(), "late", qos: qos)
                    #expect(answer?.code == 0x97)
                    #expect(answer?.reasonString == "the day's message allowance is used up")
                }
                try client.publish(device.up(), "late")
                let notice = try client.message()
                #expect(notice.topic == device.sys("notice"))
                #expect(notice.text.contains("\"reason\":\"quota-exhausted\""))
                #expect(try await gateway.unread(by: client) == [])
                #expect(try (0..<3).map { _ in try backend.message().text } == ["0", "1", "2"])
                #expect(try await gateway.unread(by: backend) == [])
            }
        }

        @Test("C4: MQTT 3.1.1 is acknowledged, the message dropped, with one notice a day")
        func dropped() async throws {
            try await TestGateway.run { gateway in
                let product = try await gateway.createProduct(messagesPerDay: 1)
                let device = try await gateway.importDevice("dk1", into: product)
                let key = try await gateway.createApplication(products: [product])
                let backend = try gateway.connect(key, subscribedTo: "d/lamp/+/up/#")
                let client = try gateway.connect(device, version: .v3_1_1)
                try client.subscribe(device.sys("#"))
                for qos in [QoS.atLeastOnce, .atLeastOnce, .exactlyOnce, .atMostOnce, .exactlyOnce]
                {
                    try client.publish(device.up(), "x", qos: qos)
                }
                #expect(try client.message().topic == device.sys("notice"))
                #expect(try await gateway.unread(by: client) == [])
                #expect(try backend.message().text == "x")
                #expect(try await gateway.unread(by: backend) == [])

                // The notice is for the device and the day, not for the connection.
                let again = try gateway.connect(device, version: .v3_1_1)
                try again.subscribe(device.sys("#"))
                try again.publish(device.up(), "x", qos: .atLeastOnce)
                #expect(try await gateway.unread(by: again) == [])
            }
        }

        @Test("C3: the message that would cross the limit is refused whole, a smaller one is taken")
        func whole() async throws {
            try await TestGateway.run { gateway in
                let product = try await gateway.createProduct(messagesPerDay: 4)
                let device = try await gateway.importDevice("dk1", into: product)
                let client = try gateway.connect(device)
                func publish(_ count: Int) throws -> UInt8? {
                    let payload = [UInt8](repeating: 65, count: count)
                    return try client.publish(device.up(), bytes: payload, qos: .atLeastOnce)?.code
                }
                #expect(try publish(513) == 0)
                #expect(try publish(1_025) == 0x97)
                #expect(try publish(512) == 0)
                #expect(try publish(513) == 0x97)
                #expect(try publish(0) == 0)
                #expect(try publish(0) == 0x97)
            }
        }

        @Test("sys/quota/get is answered on sys/quota, and not counted (C2)")
        func question() async throws {
            let clock = ManualClock(wall: Timestamp(seconds: 1_795_255_200))
            try await TestGateway.run(time: .manual(clock)) { gateway in
                let product = try await gateway.createProduct(messagesPerDay: 1_500)
                let device = try await gateway.importDevice("dk1", into: product)
                let client = try gateway.connect(device)
                try client.subscribe(device.sys("#"))
                for _ in 0..<12 { try client.publish(device.up(), "x", qos: .atLeastOnce) }
                for qos in QoS.allCases {
                    try client.publish(device.sys("quota/get"), "", qos: qos)
                    let answer = try client.message()
                    #expect(answer.topic == device.sys("quota"))
                    #expect(
                        answer.text == "{\"day\":\"2026-11-21\",\"limit\":1500,\"used\":12,"
                            + "\"topUp\":0,\"resetsAt\":\"2026-11-22T00:00:00Z\"}"
                    )
                }
            }
        }

        @Test("C1, C5: downlink counts too, until the day of the product's offset is over")
        func downlinkAndMidnight() async throws {
            // 23:59:00 of 2026-11-21 at +08:00.
            let clock = ManualClock(wall: Timestamp(seconds: 1_795_276_740))
            try await TestGateway.run(time: .manual(clock)) { gateway in
                let offset = try #require(UTCOffset(minutes: 480))
                let product = try await gateway.createProduct(messagesPerDay: 2, dayOffset: offset)
                let device = try await gateway.importDevice("dk1", into: product)
                let key = try await gateway.createApplication(products: [product])
                let backend = try gateway.connect(key)
                let client = try gateway.connect(device)
                try client.subscribe(device.down("#"))
                #expect(try client.publish(device.up(), "x", qos: .atLeastOnce)?.code == 0)
                try backend.publish(device.down(), "one", qos: .atLeastOnce)
                #expect(try client.message().text == "one")
                try backend.publish(device.down(), "two", qos: .atLeastOnce)
                #expect(try client.publish(device.up(), "x", qos: .atLeastOnce)?.code == 0x97)
                #expect(try await gateway.unread(by: client) == [])
                clock.advance(milliseconds: 60_000)
                gateway.gateway.clockMoved()
                #expect(try client.publish(device.up(), "x", qos: .atLeastOnce)?.code == 0)
                try backend.publish(device.down(), "three", qos: .atLeastOnce)
                #expect(try client.message().text == "three")
            }
        }

        @Test("C7: counts survive a restart after a clean stop")
        func restart() async throws {
            let directory = TemporaryDirectory()
            let device = try await TestGateway.run(directory: directory) { gateway in
                let product = try await gateway.createProduct(messagesPerDay: 3)
                let device = try await gateway.importDevice("dk1", into: product)
                let client = try gateway.connect(device)
                for _ in 0..<2 { try client.publish(device.up(), "x", qos: .atLeastOnce) }
                return device
            }
            try await TestGateway.run(directory: directory) { gateway in
                let client = try gateway.connect(device)
                #expect(try client.publish(device.up(), "x", qos: .atLeastOnce)?.code == 0)
                #expect(try client.publish(device.up(), "x", qos: .atLeastOnce)?.code == 0x97)
            }
        }
    }
}
