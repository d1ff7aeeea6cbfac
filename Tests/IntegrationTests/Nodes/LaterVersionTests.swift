import Bytes
import Ledger
import Links
import MQTT
import Support
import Synchronization
import Testing
import Time

@testable import Gateway

extension WholeGateway {
    /// A node of a later version, which says what this one can't know.
    @Suite struct LaterVersionTests {
        private static let unread = "tollgate_node_mail_unread_total"

        @Test(
            """
            what a later version says that is not known is counted and passed over, a question is answered so, and all \
            else that came with it is served
            """)
        func mail() async throws {
            try await TestNodes.run(1) { nodes in
                // What a later greeting has behind ours is ignored.
                let later = try LaterNode(beside: nodes)
                defer { later.links.close() }
                try await later.begin(greeting: [1, 255, 1, 7, 7, 7], in: nodes)
                #expect(nodes[0].gateway.commons.neighbours?.present == [LaterNode.name])
                let before = await nodes[0].metric(Self.unread)
                try later.send([
                    [200, 1, 2, 3],
                    LaterNode.bytes(of: .ask(.lastSeen([]), NodeRequest(number: 1))),
                    // `ask`, its request, and a question of a kind that is none.
                    LaterNode.bytes(of: .ask(.unknown, NodeRequest(number: 2))).dropLast() + [222],
                    LaterNode.bytes(of: .answer(NodeRequest(number: 77), .done)) + [1, 2, 3],
                    LaterNode.bytes(of: .ask(.lastSeen([]), NodeRequest(number: 3))),
                ])
                try await until { later.answers.count >= 3 }
                #expect(later.answers == ["1 times", "2 unknown", "3 times"])
                #expect(await nodes[0].metric(Self.unread) == (before ?? 0) + 2)
                // Batches in another form are passed over whole.
                later.links.post([2, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1], to: TestNodes.name(0))
                later.links.post([], to: TestNodes.name(0))
                try await until { await nodes[0].metric(Self.unread) == (before ?? 0) + 4 }
                try later.send([LaterNode.bytes(of: .ask(.lastSeen([]), NodeRequest(number: 4)))])
                try await until { later.answers.count >= 4 }
                #expect(later.answers.last == "4 times")
                later.links.close()
                try await until { nodes[0].gateway.commons.neighbours?.present == [] }
                try await serves(nodes)
            }
        }

        @Test("a node that greets in another version is not taken up; clients are served meanwhile")
        func greeting() async throws {
            try await TestNodes.run(1) { nodes in
                let later = try LaterNode(beside: nodes)
                defer { later.links.close() }
                try await later.begin(greeting: [2, 255, 1], in: nodes)
                try later.send([LaterNode.bytes(of: .ask(.lastSeen([]), NodeRequest(number: 1)))])
                try await serves(nodes)
                // It said hello first, and what came behind that would have been answered by now.
                try await until {
                    nodes[0].gateway.commons.neighbours?.standings.first?.waitingBytes == 0
                }
                #expect(nodes[0].gateway.commons.neighbours?.present == [])
                #expect(later.answers == [])
                later.links.post([1, 255, 1], to: TestNodes.name(0))
                try await until {
                    nodes[0].gateway.commons.neighbours?.present == [LaterNode.name]
                }
                try later.send([LaterNode.bytes(of: .ask(.lastSeen([]), NodeRequest(number: 2)))])
                try await until { later.answers.count == 1 }
                #expect(later.answers == ["2 times"])
            }
        }

        /// A device gets in, and its message to an application.
        private func serves(_ nodes: TestNodes) async throws {
            let product = try await nodes[0].createProduct()
            let device = try await nodes.device("dk1", of: product)
            let key = try await nodes[0].createApplication(products: [product])
            let reader = try nodes[0].connect(key, clientID: "reader")
            try reader.subscribe("d/lamp/+/up/#")
            let client = try nodes[0].connect(device)
            #expect(try client.publish(device.up(), "1", qos: .atLeastOnce)?.code == 0)
            #expect(try reader.message().text == "1")
        }
    }
}

/// The links of a node without a gateway, and what it is answered over them.
private final class LaterNode {
    static let name = NodeName("n9")!

    let links: Links
    private let inbox = Inbox()

    private final class Inbox: Sendable {
        let isUp = Atomic(false)
        let batches = Mutex<[[UInt8]]>([])

        func take(_ event: LinkEvent) {
            switch event {
            case .up: isUp.store(true, ordering: .releasing)
            case .batch(_, let bytes): batches.withLock { $0.append(bytes) }
            case .down: break
            }
        }
    }

    init(beside nodes: TestNodes) throws {
        links = try Links(
            node: Self.name, epoch: 900, over: nodes.peers.attach(), cluster: ClusterID(7)
        ) { [inbox] event in inbox.take(event) }
    }

    /// Greets when there is a link.
    func begin(greeting: [UInt8], in nodes: TestNodes) async throws {
        try await until { inbox.isUp.load(ordering: .acquiring) }
        links.post(greeting, to: TestNodes.name(0))
        if greeting[0] == 1 {
            try await until { nodes[0].gateway.commons.neighbours?.present == [Self.name] }
        }
    }

    /// To the node's first shard, in one batch.
    func send(_ parts: [[UInt8]]) throws {
        var bytes: [UInt8] = [1, 0, 0] + Array(repeating: 0, count: 8)
        for part in parts { bytes += [UInt8(part.count)] + part }
        links.post(bytes, to: TestNodes.name(0))
    }

    static func bytes(of mail: NodeMail) -> [UInt8] {
        var buffer = ByteBuffer()
        mail.encode(into: &buffer)
        return buffer.span.bytesArray
    }

    /// Each with its request.
    var answers: [String] {
        var found: [String] = []
        for batch in inbox.batches.withLock({ $0 }) where batch.count > 3 {
            _ = try? NodeBatch.read(batch, at: Timestamp(milliseconds: 0)) { mail, _ in
                guard case .answer(let request, let answer) = mail else { return }
                let what =
                    switch answer {
                    case .times: "times"
                    case .unknown: "unknown"
                    case .done, .notStored, .outcome, .askAgain, .granted, .yielded, .count, .flag,
                        .connection, .outcomes, .refusals, .traced, .present,
                        .connections, .days, .productDays, .daysOfProducts, .online, .figures,
                        .piece, .flags:
                        "another"
                    }
                found.append("\(request.number) \(what)")
            }
        }
        return found
    }
}
