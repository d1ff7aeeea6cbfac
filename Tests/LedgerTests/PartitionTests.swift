import Processes
import Randomness
import Testing

@testable import LedgerModel

/// Who owns which clients, as it is worked out.
@Suite(.computes) struct PartitionTests {
    private static func names(_ numbers: some Sequence<Int>) -> [NodeName] {
        numbers.map { NodeName("n\($0)")! }
    }

    private static func counts(_ indices: [UInt8], of nodes: Int) -> [Int] {
        indices.reduce(into: [Int](repeating: 0, count: nodes)) { $0[Int($1)] += 1 }
    }

    private static func spread(_ counts: [Int]) -> Int { counts.max()! - counts.min()! }

    @Test(
        "Of each number of nodes each owns as many, and is the deputy of as many",
        arguments: [
            1, 2, 3, 7, 100, 254,
        ])
    func beginning(count: Int) {
        let table = PartitionTable.assigned(to: Self.names(0..<count), after: nil)
        #expect(table.number == 1 && table.nodes == table.nodes.sorted())
        #expect(Self.spread(Self.counts(table.owners, of: count)) <= 1)
        #expect(Self.spread(Self.counts(table.deputies, of: count)) <= 1)
        let isDouble = zip(table.owners, table.deputies).contains { $0 == $1 }
        #expect(isDouble == (count == 1))
    }

    @Test(
        """
        Whatever nodes come and go: the partitions are balanced, as few as that allows are moved, and it is the same \
        in whatever order the nodes are named
        """, arguments: [1, 2, 3, Seed.fresh])
    func changes(seed: UInt64) {
        var dice = SplitMix64(seed: seed)
        for _ in 0..<20 {
            var nodes = Set(Self.names(0..<Int.random(in: 1...20, using: &dice)))
            var table: PartitionTable?
            for _ in 0..<8 {
                let next = PartitionTable.assigned(to: nodes.shuffled(using: &dice), after: table)
                check(next, after: table, of: nodes, "seed \(seed)")
                // Without a change of the nodes nothing changes.
                let again = PartitionTable.assigned(to: nodes.sorted(), after: next)
                #expect(again.owners == next.owners && again.deputies == next.deputies)
                #expect(again.number == next.number + 1)
                table = next
                if nodes.count > 1, Bool.random(using: &dice) {
                    nodes.remove(nodes.sorted().randomElement(using: &dice)!)
                } else {
                    nodes.insert(Self.names([Int.random(in: 0..<1_000, using: &dice)])[0])
                }
            }
        }
    }

    private func check(
        _ next: PartitionTable, after table: PartitionTable?, of nodes: Set<NodeName>,
        _ place: String
    ) {
        #expect(next.nodes == nodes.sorted(), "\(place)")
        let owned = Self.counts(next.owners, of: nodes.count)
        #expect(Self.spread(owned) <= 1, "\(place): \(owned)")
        let stoodFor = Self.counts(next.deputies, of: nodes.count)
        #expect(Self.spread(stoodFor) <= 2, "\(place): \(stoodFor)")
        guard let table else { return }
        // What an owner that is there can't keep, as it has more than its share; and what has no owner.
        var kept: [NodeName: Int] = [:]
        var moved = 0
        for partition in 0..<PartitionTable.partitionCount {
            let owner = table.owner(of: partition)
            if nodes.contains(owner) { kept[owner, default: 0] += 1 }
            if next.owner(of: partition) != owner { moved += 1 }
        }
        let (least, more) = PartitionTable.partitionCount.quotientAndRemainder(
            dividingBy: nodes.count)
        let large = kept.values.filter { $0 > least }
        let room = large.map { $0 - least }.reduce(0, +) - min(more, large.count)
        let orphans = PartitionTable.partitionCount - kept.values.reduce(0, +)
        #expect(moved == orphans + room, "\(place)")
    }

    @Test("When a node is gone, its partitions go to their deputies, half of them to each of two")
    func deputies() {
        let nodes = Self.names(1...3)
        let table = PartitionTable.assigned(to: nodes, after: nil)
        let next = PartitionTable.assigned(to: Array(nodes.dropFirst()), after: table)
        var inherited = 0
        for partition in 0..<PartitionTable.partitionCount
        where table.owner(of: partition) == nodes[0] {
            if next.owner(of: partition) == table.deputy(of: partition) { inherited += 1 }
        }
        #expect(inherited >= 340, "\(inherited) of 342")
    }

    @Test("What is no such table is none")
    func validity() {
        let table = PartitionTable.assigned(to: Self.names(1...2), after: nil)
        func made(
            number: UInt64 = 1, nodes: [NodeName]? = nil, owners: [UInt8]? = nil,
            deputies: [UInt8]? = nil
        ) -> PartitionTable? {
            PartitionTable(
                number: number, nodes: nodes ?? table.nodes, owners: owners ?? table.owners,
                deputies: deputies ?? table.deputies)
        }
        #expect(made() == table)
        #expect(made(number: 0) == nil)
        #expect(made(nodes: []) == nil)
        #expect(made(nodes: table.nodes.reversed()) == nil)
        #expect(made(nodes: [table.nodes[0], table.nodes[0]]) == nil)
        #expect(made(owners: Array(table.owners.dropLast())) == nil)
        #expect(made(deputies: table.owners) == nil)
        #expect(made(owners: [2] + table.owners.dropFirst()) == nil)
    }
}
