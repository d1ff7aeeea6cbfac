import Bytes
import Gateway
import Ledger
import MQTT
import Storage
import Support
import TestFiles
import Testing

@testable import LedgerModel

extension WholeGateway {
    /// Upgrades of devices to firmware images, as devices see them.
    @Suite struct FirmwareTests {
        private static let version = FirmwareVersion("2.0")!

        private static func run(
            in directory: TemporaryDirectory = TemporaryDirectory(),
            _ body: (TestGateway) async throws -> Void
        ) async throws {
            try await TestGateway.run(
                directory: directory,
                configure: { $0.firmware.url = "https://ota.example.org:8443/" }, body)
        }

        /// A device, and an image of its product.
        private static func furnish(_ gateway: TestGateway) async throws -> TestDevice {
            let product = try await gateway.createProduct()
            let image = NewImage(
                product: product.key, version: version, file: 7, size: UpgradeSize(bytes: 300)!,
                digest: FirmwareDigest([UInt8](repeating: 0xAB, count: 32))!,
                signature: FirmwareSignature([1, 2, 3])!, maximum: 20)
            try await gateway.submit(.firmware(.add(image)))
            return try await gateway.importDevice("dk1", into: product)
        }

        private static func topic(_ device: TestDevice, _ name: String) -> String {
            "d/\(device.identity.product)/\(device.identity.device)/sys/\(name)"
        }

        private static func start(
            _ id: String, _ device: TestDevice, at gateway: TestGateway
        ) async throws {
            try await gateway.submit(.firmware(.start(device.identity, UpgradeID(id)!, version)))
        }

        private static func state(
            _ id: String, _ device: TestDevice, at gateway: TestGateway
        ) throws -> UpgradeState? {
            try gateway.gateway.ledger.read { books, transaction throws(StoreError) in
                try books.upgrade(UpgradeID(id)!, of: device.identity, in: transaction)?
                    .record.state
            }
        }

        private static func percent(_ device: TestDevice, _ gateway: TestGateway) throws -> UInt8? {
            try gateway.gateway.ledger.read { books, transaction throws(StoreError) in
                try books.offer(to: device.identity, in: transaction)?.record.percent.value
            }
        }

        @Test("a device that is connected is told at once, and ends its upgrade by its report")
        func whole() async throws {
            try await Self.run { gateway in
                let device = try await Self.furnish(gateway)
                let client = try gateway.connect(device)
                try client.subscribe(Self.topic(device, "#"))
                try await Self.start("u1", device, at: gateway)
                let notice = try client.message()
                #expect(notice.topic == Self.topic(device, "ota"))
                let start = #"{"id":"u1","version":"2.0","size":300,"sha256":""#
                let hash = String(repeating: "ab", count: 32)
                #expect(
                    notice.text.hasPrefix(
                        start + hash + #"","url":"https://ota.example.org:8443/v1/firmware/"#),
                    "\(notice.text)")
                #expect(notice.text.hasSuffix(#"","signature":"AQID"}"#), "\(notice.text)")
                for percent in [3, 4, 50, 51] {
                    let answer = try client.publish(
                        Self.topic(device, "ota/progress"),
                        "{\"id\":\"u1\",\"percent\":\(percent)}", qos: .atLeastOnce)
                    #expect(answer?.code == 0)
                }
                // It is acknowledged before it is in the books.
                let isInTheBooks = try Patience.awaits {
                    try [50, 51].contains(Self.percent(device, gateway))
                }
                #expect(isInTheBooks)
                let said = #"{"id":"u1","outcome":"succeeded","detail":"ok"}"#
                _ = try client.publish(Self.topic(device, "ota/outcome"), said, qos: .atLeastOnce)
                let ended = try client.message()
                #expect(ended.topic == Self.topic(device, "ota/ended"))
                #expect(ended.text == #"{"id":"u1","state":"succeeded"}"#)
                #expect(try Self.state("u1", device, at: gateway) == .succeeded)
                // Said again it changes nothing, and is answered as before.
                let other = #"{"id":"u1","outcome":"failed"}"#
                _ = try client.publish(Self.topic(device, "ota/outcome"), other, qos: .atLeastOnce)
                #expect(try client.message().text == #"{"id":"u1","state":"succeeded"}"#)
                _ = try client.publish(Self.topic(device, "ota/get"), "", qos: .atLeastOnce)
                #expect(try client.message().text == #"{"id":null}"#)
                #expect(try await gateway.usedToday(device).used == 0, "nothing of it counts")
                try client.disconnect()
            }
        }

        @Test(
            "a device that comes later is told when it has subscribed, and each time until it reports"
        )
        func later() async throws {
            let directory = TemporaryDirectory()
            var device: TestDevice?
            try await Self.run(in: directory) { gateway in
                let furnished = try await Self.furnish(gateway)
                device = furnished
                try gateway.connect(furnished).disconnect()
                try await Self.start("u1", furnished, at: gateway)
                for _ in 0..<2 {
                    let client = try gateway.connect(furnished)
                    try client.subscribe(Self.topic(furnished, "ota"))
                    #expect(try client.message().text.hasPrefix(#"{"id":"u1""#))
                    _ = try client.publish(Self.topic(furnished, "ota/get"), "", qos: .atLeastOnce)
                    #expect(try client.message().text.hasPrefix(#"{"id":"u1""#))
                    try client.disconnect()
                }
            }
            // Also after a restart.
            let known = try #require(device)
            try await Self.run(in: directory) { gateway in
                let client = try gateway.connect(known)
                try client.subscribe(Self.topic(known, "ota/+"), Self.topic(known, "ota"))
                #expect(try client.message().text.hasPrefix(#"{"id":"u1""#))
                let failed = #"{"id":"u1","outcome":"failed","detail":"no room"}"#
                _ = try client.publish(Self.topic(known, "ota/outcome"), failed, qos: .exactlyOnce)
                #expect(try client.message().text == #"{"id":"u1","state":"failed"}"#)
                #expect(try Self.state("u1", known, at: gateway) == .failed)
                try client.disconnect()
            }
        }

        @Test(
            "what is not of the form is refused, and of another upgrade passed over",
            arguments: ProtocolVersion.allCases)
        func malformed(version: ProtocolVersion) async throws {
            try await Self.run { gateway in
                let device = try await Self.furnish(gateway)
                let client = try gateway.connect(device, version: version)
                try client.subscribe(Self.topic(device, "#"))
                try await Self.start("u1", device, at: gateway)
                _ = try client.message()
                func code(_ name: String, _ text: String) throws -> UInt8? {
                    try client.publish(Self.topic(device, name), text, qos: .atLeastOnce)?.code
                }
                let refused: UInt8 = version == .v5 ? 0x99 : 0
                for (name, text) in [
                    ("ota/progress", "{\"id\":\"u1\",\"percent\":101}"), ("ota/progress", "40"),
                    ("ota/outcome", "{\"id\":\"u1\",\"outcome\":\"done\"}"),
                    ("ota/outcome", "{\"outcome\":\"failed\"}"),
                    (
                        "ota/outcome",
                        "{\"id\":\"u1\",\"outcome\":\"failed\",\"detail\":\""
                            + String(repeating: "x", count: 201) + "\"}"
                    ),
                ] {
                    #expect(try code(name, text) == refused, "\(text)")
                }
                #expect(try code("ota/outcome", "{\"id\":\"u9\",\"outcome\":\"failed\"}") == 0)
                #expect(try code("ota/progress", "{\"id\":\"u9\",\"percent\":1}") == 0)
                #expect(try code("ota/other", "{}") == (version == .v5 ? 0x87 : 0))
                await gateway.settle()
                #expect(try Self.state("u1", device, at: gateway) == .requested)
                #expect(try Self.percent(device, gateway) == 0)
                try client.ping()
                try client.disconnect()
            }
        }

        @Test("without firmware.url the topics are none")
        func off() async throws {
            try await TestGateway.run { gateway in
                let device = try await Self.furnish(gateway)
                let client = try gateway.connect(device)
                #expect(gateway.gateway.firmwareLinks == nil)
                let answer = try client.publish(
                    Self.topic(device, "ota/get"), "", qos: .atLeastOnce)
                #expect(answer?.code == 0x87)
                try client.disconnect()
            }
        }
    }
}
