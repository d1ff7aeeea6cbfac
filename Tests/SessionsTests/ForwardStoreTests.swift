import MQTT
import Storage
import TestFiles
import Testing

@testable import Sessions

@Suite struct ForwardStoreTests {
    private let directory = TemporaryDirectory()

    private func forward(_ text: String) -> Forward {
        Forward(
            Sample.message(text, qos: .exactlyOnce, expiresAt: Sample.time), isRetained: true,
            isForSubscribers: true, shares: [Array("$share/g/#".utf8)], shard: 3, shardCount: 4)
    }

    @Test("what is kept for other nodes, and known of them, is there after the process has ended")
    func reopened() throws {
        var store: OpenStore? = try OpenStore(directory.path)
        let life = try #require(try store?.store.beginForwarding())
        let numbers = (1...3).map { ForwardNumber(life: life, shard: 7, count: $0) }
        try store?.write(
            .node(.keep("n2", numbers[1], forward("b"))),
            .node(.keep("n1", numbers[0], forward("a"))),
            .node(.keep("n1", numbers[2], forward("c"))),
            .node(.take("n3", shard: 1, numbers[0])), .node(.take("n3", shard: 1, numbers[1])),
            .node(.take("n3", shard: 0, numbers[1])), .node(.settle("n3", shard: 1, numbers[0])),
            .node(.hold("n2", shard: 0, number: 1, filter: Array("a/#".utf8), shardCount: 2)),
            .node(.hold("n2", shard: 1, number: 1, filter: Array("b".utf8), shardCount: 2)),
            .node(.drop("n2", shard: 0, number: 1)))
        #expect(try store?.store.verify() == [])
        store?.shared.shutdown()
        store = nil

        let again = try OpenStore(directory.path)
        #expect(try again.store.beginForwarding() == life + 1)
        var found: [String] = []
        try again.store.forEachForward { node, number, content in
            found.append(
                "\(node) \(number.shard) \(String(decoding: content.message.payload, as: UTF8.self))"
            )
            #expect(content == forward(String(found.last!.suffix(1))))
        }
        #expect(found == ["n1 7 a", "n1 7 c", "n2 7 b"])
        var filters: [FilterElsewhere] = []
        try again.store.forEachFilterElsewhere { filters.append($0) }
        let filter = FilterElsewhere(
            node: "n2", shard: 1, shardCount: 2, number: 1, filter: Array("b".utf8))
        #expect(filters == [filter])
        var reader = try again.store.reader()
        let taken = try reader.taken(from: "n3", shard: 1)
        #expect(taken == [numbers[1]])
        let isTaken = try reader.hasTaken(numbers[1], from: "n3", shard: 0)
        let isSettled = try !reader.hasTaken(numbers[0], from: "n3", shard: 1)
        #expect(isTaken && isSettled)
        try again.write(.node(.arrived("n1", numbers[0])))
        #expect(try again.store.figures().forwards == 2)
        let gone = try reader.forward(numbers[0], to: "n1")
        let kept = try reader.forward(numbers[2], to: "n1")
        #expect(gone == nil && kept == forward("c"))
    }

    @Test("numbers of one shard grow, over all lives of the store, and name their shard")
    func numbers() {
        let order = [
            ForwardNumber(life: 1, shard: 5, count: 1),
            ForwardNumber(life: 1, shard: 5, count: .max),
            ForwardNumber(life: 2, shard: 5, count: 0),
            ForwardNumber(life: 1 << 20, shard: 5, count: 0),
        ]
        #expect(order == order.sorted() && Set(order).count == 4)
        #expect(order.allSatisfy { $0.shard == 5 })
    }

    @Test("records between nodes that can't be read are found, each by its name")
    func unreadable() throws {
        let store = try OpenStore(directory.path)
        let number = ForwardNumber(life: 1, shard: 2, count: 3)
        let environment = store.shared.environment
        let forwards = try Table<KeyPair<String, ForwardNumber>, SequenceRecord>(
            "node-forwards", in: environment)
        let filters = try Table<KeyTriple<String, ShardKey, UInt32>, SequenceRecord>(
            "node-filters", in: environment)
        let taken = try Table<String, EmptyRecord>("node-taken", in: environment)
        try environment.write { transaction throws(StoreError) in
            try forwards.put(KeyPair("n1", number), SequenceRecord(.max), in: transaction)
            try filters.put(KeyTriple("n1", ShardKey(1), 9), SequenceRecord(.max), in: transaction)
            try taken.put("n1", EmptyRecord(), in: transaction)
        }
        let findings = try store.store.verify()
        #expect(findings.contains { $0.hasPrefix("forward 1.2.3 to node n1: ") })
        #expect(findings.contains { $0.hasPrefix("filter 9 of node n1: ") })
        #expect(findings.contains { $0.contains("taken from another node can't be read") })
        #expect(findings.count == 3)
    }
}
