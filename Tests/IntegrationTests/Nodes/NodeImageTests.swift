import Cryptography
import Foundation
import Ledger
import MQTT
import Storage
import Support
import TestFiles
import Testing
import Time

@testable import Gateway

/// An image of a product, made for a test.
struct TestImage {
    let bytes: [UInt8]
    let file: UInt64
    let version: FirmwareVersion

    /// - Parameter count: in bytes; no two pieces of 64 KiB are the same.
    init(_ version: String, file: UInt64, count: Int, seed: UInt8 = 0) {
        let piece = (0..<65_536).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) &+ seed }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(count + piece.count)
        while bytes.count < count {
            let number = bytes.count / piece.count
            bytes += piece
            bytes[number * piece.count] = UInt8(truncatingIfNeeded: number)
        }
        self.bytes = Array(bytes[..<count])
        self.file = file
        self.version = FirmwareVersion(version)!
    }

    func new(of product: ProductKey) -> NewImage {
        NewImage(
            product: product, version: version, file: file,
            size: UpgradeSize(bytes: UInt64(bytes.count))!,
            digest: FirmwareDigest(SHA256.hash(bytes.span)), signature: nil, maximum: 20)
    }

    /// Where the gateway has it.
    func path(at gateway: TestGateway) -> URL {
        URL(filePath: gateway.gateway.configuration.firmwareFiles.path(of: file))
    }

    func partPath(at gateway: TestGateway) -> URL {
        URL(filePath: gateway.gateway.configuration.firmwareFiles.partPath(of: file))
    }

    /// Brings bytes to the gateway's disk: its own, if no others are given.
    func write(_ other: [UInt8]? = nil, to gateway: TestGateway, isPart: Bool = false) throws {
        let url = isPart ? partPath(at: gateway) : path(at: gateway)
        try FileManager.default.createDirectory(
            at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data(other ?? bytes).write(to: url)
    }

    /// Brings it to the gateway's disk, and into its books.
    func upload(to gateway: TestGateway, of product: TestProduct) async throws {
        try write(to: gateway)
        try await gateway.submit(.firmware(.add(new(of: product.key))))
    }

    /// What the gateway has of it; `nil`: nothing.
    func bytes(at gateway: TestGateway) -> [UInt8]? {
        (try? Data(contentsOf: path(at: gateway))).map { [UInt8]($0) }
    }
}

extension WholeGateway {
    /// Files of firmware images on the nodes of a cluster.
    @Suite struct NodeImageTests {
        private static func configure(_ configuration: inout GatewayConfiguration) {
            configuration.firmware.url = "https://ota.example.org"
        }

        private static func run(
            _ count: Int = 2, _ body: (TestNodes, TestProduct) async throws -> Void
        ) async throws {
            try await TestNodes.run(count, configure: configure) { nodes in
                let product = try await nodes[0].createProduct()
                try await body(nodes, product)
            }
        }

        /// Does not hold the gateway any longer than it takes.
        private static func fetching(at gateway: Gateway) -> Task<Int, Never> {
            Task { await gateway.lookAfterImages() }
        }

        private static func places(
            _ gateway: TestGateway, _ images: [TestImage]
        ) async throws -> [Int] {
            let places = try await gateway.gateway.imagePlaces(of: images.map(\.file))
            return [places.nodes] + images.map { places.others[$0.file] ?? 0 }
        }

        @Test("an image comes to all nodes from one that has it, and goes from all")
        func everywhere() async throws {
            try await Self.run(3) { nodes, product in
                let images = [
                    TestImage("1.0", file: 7, count: 200_000),
                    TestImage("2.0", file: 8, count: 65_536, seed: 3),
                ]
                for image in images { try await image.upload(to: nodes[0], of: product) }
                try await nodes.catchUp()
                #expect(try await Self.places(nodes[0], images) == [3, 0, 0])
                #expect(await nodes[0].gateway.lookAfterImages() == 0)
                for index in 1..<3 {
                    #expect(await nodes[index].gateway.lookAfterImages() == 0)
                    for image in images { #expect(image.bytes(at: nodes[index]) == image.bytes) }
                }
                #expect(try await Self.places(nodes[2], images) == [3, 2, 2])
                try await nodes[0].submit(.firmware(.delete(product.key, images[0].version)))
                try await nodes.catchUp()
                for index in 0..<3 {
                    #expect(await nodes[index].gateway.lookAfterImages() == 0)
                    #expect(images[0].bytes(at: nodes[index]) == nil)
                    #expect(images[1].bytes(at: nodes[index]) == images[1].bytes)
                }
            }
        }

        @Test("a node that ends while an image comes goes on behind what it has")
        func ended() async throws {
            try await Self.run { nodes, product in
                let image = TestImage("1.0", file: 7, count: 48 << 20)
                try await image.upload(to: nodes[0], of: product)
                try await nodes.catchUp()
                let part = image.partPath(at: nodes[1])
                func count() -> Int {
                    (try? FileManager.default.attributesOfItem(atPath: part.path())[.size] as? Int)
                        ?? 0
                }
                let fetching = Self.fetching(at: nodes[1].gateway)
                try await until { count() > 1 << 20 }
                await nodes.stop(1)
                #expect(await fetching.value == 1, "the image came too fast to be cut off")
                let kept = count()
                #expect(kept > 1 << 20 && kept < image.bytes.count)
                // What has come is asked for no more: the first node does not even have it.
                try image.write(
                    [UInt8](repeating: 0, count: kept) + image.bytes[kept...], to: nodes[0])
                try nodes.start(1)
                try await nodes.settle()
                #expect(await nodes[1].gateway.lookAfterImages() == 0)
                #expect(image.bytes(at: nodes[1]) == image.bytes)
                #expect(!FileManager.default.fileExists(atPath: part.path()))
                try image.write(to: nodes[0])
            }
        }

        @Test("what an earlier run had of an image is not believed when its bytes are others")
        func begunAnew() async throws {
            try await Self.run { nodes, product in
                let image = TestImage("1.0", file: 7, count: 300_000)
                try await image.upload(to: nodes[0], of: product)
                try await nodes.catchUp()
                for wrong in [1_000, 300_000, 300_001] {
                    try image.write(
                        [UInt8](repeating: 1, count: wrong), to: nodes[1], isPart: true)
                    #expect(await nodes[1].gateway.lookAfterImages() == 0)
                    #expect(image.bytes(at: nodes[1]) == image.bytes)
                    try FileManager.default.removeItem(at: image.path(at: nodes[1]))
                }
                _ = await nodes[1].gateway.lookAfterImages()
            }
        }

        @Test("bytes that are not the image's are never offered, and come from another node")
        func damaged() async throws {
            try await Self.run(3) { nodes, product in
                let image = TestImage("1.0", file: 7, count: 100_000)
                try await image.upload(to: nodes[0], of: product)
                try await nodes.catchUp()
                var wrong = image.bytes
                wrong[70_000] ^= 1
                try image.write(wrong, to: nodes[0])
                for _ in 0..<2 {
                    #expect(await nodes[1].gateway.lookAfterImages() == 1)
                    #expect(image.bytes(at: nodes[1]) == nil)
                }
                #expect(!nodes[1].gateway.images.isTrusted(TestNodes.name(0), image.file))
                try image.write(to: nodes[2])
                #expect(await nodes[1].gateway.lookAfterImages() == 0)
                #expect(image.bytes(at: nodes[1]) == image.bytes)
                nodes[1].gateway.images.forgetTroubles()
                #expect(nodes[1].gateway.images.isTrusted(TestNodes.name(0), image.file))
                try image.write(to: nodes[0])
            }
        }

        @Test("an image that no node has is missing, and comes when one has it")
        func missing() async throws {
            try await Self.run { nodes, product in
                let image = TestImage("1.0", file: 7, count: 1_000)
                try await nodes[0].submit(.firmware(.add(image.new(of: product.key))))
                try await nodes.catchUp()
                for index in 0..<2 {
                    #expect(await nodes[index].gateway.lookAfterImages() == 1)
                }
                try image.write(to: nodes[1])
                #expect(await nodes[0].gateway.lookAfterImages() == 0)
                #expect(image.bytes(at: nodes[0]) == image.bytes)
            }
        }

        @Test("a node that was away removes what was deleted meanwhile, and no upload that begins")
        func away() async throws {
            try await Self.run { nodes, product in
                let image = TestImage("1.0", file: 7, count: 1_000)
                try await image.upload(to: nodes[0], of: product)
                try await nodes.catchUp()
                #expect(await nodes[1].gateway.lookAfterImages() == 0)
                await nodes.stop(1)
                try await nodes[0].submit(.firmware(.delete(product.key, image.version)))
                _ = await nodes[0].gateway.lookAfterImages()
                try nodes.start(1)
                let upload = TestImage("2.0", file: 99, count: 1)
                try upload.write(to: nodes[1], isPart: true)
                try await nodes.settle()
                try await nodes.catchUp()
                try await until { nodes[1].gateway.isLedgerReached }
                #expect(await nodes[1].gateway.lookAfterImages() == 0)
                #expect(image.bytes(at: nodes[1]) == nil)
                let files = FileManager.default
                #expect(files.fileExists(atPath: upload.partPath(at: nodes[1]).path()))
            }
        }

        @Test("what a crash left of an upload, and files of no image, go at the start of a gateway")
        func alone() async throws {
            let directory = TemporaryDirectory()
            let known = TestImage("1.0", file: 7, count: 10)
            let other = TestImage("2.0", file: 8, count: 10)
            var product: TestProduct?
            try await TestGateway.run(directory: directory, configure: Self.configure) { gateway in
                product = try await gateway.createProduct()
                try await known.upload(to: gateway, of: #require(product))
                try known.write(to: gateway, isPart: true)
                try other.write(to: gateway)
                try other.write(to: gateway, isPart: true)
            }
            try await TestGateway.run(directory: directory, configure: Self.configure) { gateway in
                let files = gateway.gateway.configuration.firmwareFiles
                let begun = TestImage("3.0", file: 9, count: 10)
                try begun.write(to: gateway, isPart: true)
                #expect(await gateway.gateway.lookAfterImages() == 0)
                #expect(
                    try Set(files.names()) == ["0000000000000007", "0000000000000009.part"])
                // A product's images go with it.
                let upkeep = Task { await gateway.gateway.upkeep() }
                try await gateway.submit(.products(.delete(#require(product).key)))
                try await until { try files.names() == ["0000000000000009.part"] }
                upkeep.cancel()
                await upkeep.value
            }
        }

        @Test("any node starts a campaign's upgrades, each once; a device is told where it is")
        func campaign() async throws {
            try await Self.run { nodes, product in
                let image = TestImage("2.0", file: 7, count: 1_000)
                try await image.upload(to: nodes[0], of: product)
                let devices = try await nodes[0].importDevices(["d1", "d2"], into: product)
                try await nodes.catchUp()
                let upkeep = (0..<2).map { index in
                    let gateway = nodes[index].gateway
                    return Task { await gateway.upkeep() }
                }
                let clients = try (0..<2).map { try nodes[$0].connect(devices[$0]) }
                for (client, device) in zip(clients, devices) {
                    try client.subscribe(
                        "d/\(device.identity.product)/\(device.identity.device)/sys/ota")
                }
                let new = NewCampaign(
                    product: product.key, id: CampaignID("spring")!, version: image.version,
                    filter: .all, perMinute: 6_000,
                    endsAt: nodes[0].now.adding(milliseconds: 86_400_000),
                    stopPercent: UpgradePercent(100)!)
                try await nodes[0].submit(.campaigns(.create(new)))
                for (index, client) in clients.enumerated() {
                    let notice = try client.message().text
                    let token = notice.split(separator: "/").last?.split(separator: "\"").first
                    // The link is good at each node, where the image is by now.
                    let gateway = nodes[1 - index].gateway
                    let grant = gateway.firmwareLinks?.grant(
                        of: String(try #require(token)), at: gateway.now)
                    #expect(grant?.identity == devices[index].identity, "\(notice)")
                    #expect(grant?.file == image.file)
                    try await until { image.bytes(at: nodes[index]) == image.bytes }
                }
                for device in devices {
                    let upgrades = try nodes[1].gateway.ledger.read {
                        books, transaction throws(StoreError) in
                        try books.upgrades(of: device.identity, limit: 10, in: transaction).elements
                    }
                    #expect(upgrades.count == 1)
                }
                for task in upkeep {
                    task.cancel()
                    await task.value
                }
                for client in clients { try client.disconnect() }
            }
        }
    }
}
