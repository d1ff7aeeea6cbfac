import Gateway
import Ledger
import Support
import Testing

extension PresenceWatch {
    /// What has come by now.
    fileprivate func words() -> [String] {
        var words: [String] = []
        while let event = next() {
            let state =
                switch event.state {
                case .connected: "connected"
                case .disconnected(let reason): "disconnected \(reason.name)"
                }
            words.append(
                "\(event.device.device) \(state)" + (event.node.map { " at \($0)" } ?? ""))
        }
        return words
    }
}

extension WholeGateway {
    /// Presence of a product's devices as a stream of the API.
    @Suite struct WatchTests {
        @Test("a watch shows which devices of one product come and go, and why", arguments: [1, 2])
        func alone(shards: Int) async throws {
            try await TestGateway.run(shards: shards) { gateway in
                let product = try await gateway.createProduct()
                let other = try await gateway.createProduct("chair")
                let devices = try await gateway.importDevices(["d1", "d2"], into: product)
                let stranger = try #require(
                    try await gateway.importDevices(["d3"], into: other).first)
                func connected(_ device: TestDevice) throws -> TestClient {
                    try TestClient.connected(
                        port: gateway.plainPort, as: .signed(device, secureMode: 3))
                }
                let before = try connected(devices[0])
                let watch = try #require(await gateway.gateway.watchPresence(of: product.key))
                var words: [String] = []
                func expect(_ expected: [String]) async throws {
                    try await until {
                        words += watch.words()
                        return words.count >= expected.count
                    }
                    #expect(words == expected)
                    words = []
                }
                let unseen = try connected(stranger)
                let second = try connected(devices[1])
                try await expect(["d2 connected"])
                try second.leave()
                try await expect(["d2 disconnected \(Reason.disconnected.name)"])
                #expect(await gateway.gateway.kick(devices[0].identity))
                _ = try before.untilClosed()
                try await expect(["d1 disconnected \(Reason.kicked.name)"])
                await gateway.gateway.end(watch)
                let again = try connected(devices[0])
                try again.ping()
                #expect(watch.next() == nil && watch.dropped == 0)
                try again.leave()
                try unseen.leave()
            }
        }

        @Test("what a slow reader has no room for is counted")
        func slow() async throws {
            try await TestGateway.run(shards: 1) { gateway in
                let product = try await gateway.createProduct()
                let device = try #require(
                    try await gateway.importDevices(["d1"], into: product).first)
                let watch = try #require(await gateway.gateway.watchPresence(of: product.key))
                for _ in 0..<2_100 {
                    try TestClient.connected(
                        port: gateway.plainPort, as: .signed(device, secureMode: 3)
                    ).leave()
                }
                try await until { watch.dropped == 4_200 - 4_096 }
                await gateway.gateway.end(watch)
            }
        }

        @Test(
            "a watch at any node follows the devices at all of them, and connections are listed of all"
        )
        func clustered() async throws {
            try await TestNodes.run { nodes in
                let product = try await nodes[0].createProduct(messagesPerDay: 100)
                var devices: [TestDevice] = []
                for number in 0..<3 {
                    devices.append(try await nodes.device("d\(number)", of: product))
                }
                let watch = try #require(await nodes[1].gateway.watchPresence(of: product.key))
                var words: Set<String> = []
                var clients: [TestClient] = []
                for (index, device) in devices.enumerated() {
                    clients.append(try nodes[index].connect(device))
                }
                try await until {
                    words.formUnion(watch.words())
                    return words.count >= 3
                }
                #expect(words == ["d0 connected at n1", "d1 connected", "d2 connected at n3"])

                let names = try nodes[1].gateway.nodes()
                #expect(names.map(\.text) == ["n1", "n2", "n3"])
                var seen: [String] = []
                for name in names {
                    var place: ConnectionPlace? = ConnectionPlace(node: name)
                    while let from = place {
                        let part = try #require(
                            await nodes[1].gateway.connections(
                                from: from, of: product.key, limit: 1))
                        seen += part.elements.map { "\($0.device?.device.text ?? "-") at \(name)" }
                        place = part.next
                    }
                }
                #expect(seen == ["d0 at n1", "d1 at n2", "d2 at n3"])
                let stranger = ConnectionPlace(node: NodeName("n9"))
                let nothing = await nodes[1].gateway.connections(
                    from: stranger, of: nil, limit: 1)
                #expect(nothing == nil)

                let figures = try await nodes[1].gateway.nodeFigures()
                #expect(figures.map(\.node) == names)
                #expect(figures.map { $0.figures?.clients } == [1, 1, 1])
                #expect(figures.map { $0.figures?.connectsAdmitted } == [1, 1, 1])

                await nodes[1].gateway.end(watch)
                for client in clients { try client.leave() }
            }
        }
    }
}
