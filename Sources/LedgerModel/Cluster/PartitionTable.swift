package import Bytes
package import Encoding

/// Which node owns which part of the clients, and which one is its deputy, that takes the part over when the owner
/// is gone.
public struct PartitionTable: Hashable, Sendable {
    /// 1, 2, 3, ...: one more with each assignment.
    public let number: UInt64

    /// Sorted, each once.
    public let nodes: [NodeName]

    /// Of each partition the owner: an index into `nodes`.
    public let owners: [UInt8]

    /// Of each partition the deputy: another node than the owner, unless there is no other.
    public let deputies: [UInt8]

    public static var partitionCount: Int { 1_024 }

    /// 255 is left for what may have to be said of no node.
    public static var maximumNodes: Int { 254 }

    /// Nil unless it is such a table.
    public init?(number: UInt64, nodes: [NodeName], owners: [UInt8], deputies: [UInt8]) {
        guard number > 0, (1...Self.maximumNodes).contains(nodes.count),
            zip(nodes, nodes.dropFirst()).allSatisfy({ $0 < $1 }),
            owners.count == Self.partitionCount, deputies.count == Self.partitionCount
        else { return nil }
        for (owner, deputy) in zip(owners, deputies) {
            guard owner < nodes.count, deputy < nodes.count, owner != deputy || nodes.count == 1
            else { return nil }
        }
        self.number = number
        self.nodes = nodes
        self.owners = owners
        self.deputies = deputies
    }

    public func owner(of partition: Int) -> NodeName { nodes[Int(owners[partition])] }

    public func deputy(of partition: Int) -> NodeName { nodes[Int(deputies[partition])] }
}

extension PartitionTable: RecordField {
    package func encode(into buffer: inout ByteBuffer) {
        buffer.append(fields: number, nodes, owners, deputies)
    }

    package init(from reader: inout ByteReader) throws(MalformedRecord) {
        let table = try reader.make(Self.init(number:nodes:owners:deputies:))
        guard let table else { throw .malformed(what: "table of partitions") }
        self = table
    }
}

extension PartitionTable {
    /// The table that follows `table` when these are the nodes: the same on every node.
    ///
    /// - No two nodes differ by more than one in the partitions that they own, and as few as that allows change
    ///   their owner.
    /// - A partition whose owner is gone goes to its deputy, as far as that one has room.
    /// - Nor do they differ in those that they are deputies of, if it can be. Of one node's partitions the deputies are
    ///   many, as far as that moves nothing more: its load is spread when it is gone.
    public static func assigned(
        to nodes: [NodeName], after table: PartitionTable?
    ) -> PartitionTable {
        let nodes = Set(nodes).sorted()
        precondition((1...maximumNodes).contains(nodes.count), "not so many nodes")
        var assignment = PartitionAssignment(to: nodes, after: table)
        assignment.assignOwners()
        assignment.assignDeputies()
        guard
            let next = PartitionTable(
                number: (table?.number ?? 0) + 1, nodes: nodes,
                owners: assignment.owners.map { UInt8($0) },
                deputies: assignment.deputies.map { UInt8($0) })
        else { preconditionFailure("each partition has an owner, and a deputy beside it") }
        return next
    }
}

/// A table in the making. Nodes are their indices in the new one.
private struct PartitionAssignment {
    private let nodeCount: Int

    /// As it was, `nil` where that node is gone.
    private let oldOwners: [Int?]
    private let oldDeputies: [Int?]

    private(set) var owners: [Int] = []
    private(set) var deputies: [Int] = []

    init(to nodes: [NodeName], after table: PartitionTable?) {
        nodeCount = nodes.count
        let known = table?.nodes.map { name in nodes.firstIndex(of: name) } ?? []
        let none = [Int?](repeating: nil, count: PartitionTable.partitionCount)
        oldOwners = table?.owners.map { known[Int($0)] } ?? none
        oldDeputies = table?.deputies.map { known[Int($0)] } ?? none
    }

    private var partitions: Range<Int> { 0..<PartitionTable.partitionCount }

    // MARK: Owners

    mutating func assignOwners() {
        var room = quotas()
        var found = [Int?](repeating: nil, count: PartitionTable.partitionCount)
        func take(_ partition: Int, _ node: Int?) {
            guard let node, found[partition] == nil, room[node] > 0 else { return }
            found[partition] = node
            room[node] -= 1
        }
        // Who has one keeps it. What is too much goes back: the last ones.
        for partition in partitions { take(partition, oldOwners[partition]) }
        for partition in partitions { take(partition, oldDeputies[partition]) }
        for partition in partitions where found[partition] == nil {
            take(partition, room.indices.max { room[$0] < room[$1] })
        }
        owners = found.map { owner in
            guard let owner else { preconditionFailure("the quotas are as many as partitions") }
            return owner
        }
    }

    /// How many each is to own. One more than others has who had more than that before, or else who is the deputy of
    /// the most that have no owner: so the fewest are moved.
    private func quotas() -> [Int] {
        let (least, more) = PartitionTable.partitionCount.quotientAndRemainder(
            dividingBy: nodeCount)
        var kept = [Int](repeating: 0, count: nodeCount)
        var inherited = kept
        for partition in partitions {
            if let owner = oldOwners[partition] {
                kept[owner] += 1
            } else if let deputy = oldDeputies[partition] {
                inherited[deputy] += 1
            }
        }
        let order = kept.indices.sorted { one, other in
            let isLarge = (kept[one] > least, kept[other] > least)
            if isLarge.0 != isLarge.1 { return isLarge.0 }
            let claims = (kept[one] + inherited[one], kept[other] + inherited[other])
            return claims.0 != claims.1 ? claims.0 > claims.1 : one < other
        }
        var quotas = [Int](repeating: least, count: nodeCount)
        for node in order.prefix(more) { quotas[node] += 1 }
        return quotas
    }

    // MARK: Deputies

    mutating func assignDeputies() {
        if nodeCount == 1 {
            deputies = owners
            return
        }
        var spread = DeputySpread(nodeCount: nodeCount)
        var found = [Int?](repeating: nil, count: PartitionTable.partitionCount)
        for partition in partitions {
            guard let deputy = oldDeputies[partition] else { continue }
            if spread.keep(deputy, of: owners[partition]) { found[partition] = deputy }
        }
        deputies = partitions.map { partition in
            found[partition] ?? spread.choose(for: owners[partition])
        }
        while let (partition, deputy) = spread.step(owners, deputies) {
            deputies[partition] = deputy
        }
    }
}

/// How often each node is the deputy of each other.
private struct DeputySpread {
    /// By owner and deputy, and by deputy.
    private var pairs: [[Int]]
    private var totals: [Int]

    /// What one has when all have the same, rounded up.
    private let share: Int

    init(nodeCount: Int) {
        pairs = Array(repeating: Array(repeating: 0, count: nodeCount), count: nodeCount)
        totals = Array(repeating: 0, count: nodeCount)
        share = (PartitionTable.partitionCount + nodeCount - 1) / nodeCount
    }

    /// Whether one that it was before may stay it.
    mutating func keep(_ deputy: Int, of owner: Int) -> Bool {
        guard deputy != owner, totals[deputy] < share else { return false }
        add(1, deputy, of: owner)
        return true
    }

    /// The one that has the least of this owner's already, of those that have not their share.
    mutating func choose(for owner: Int) -> Int {
        let deputy = totals.indices.filter { $0 != owner }.min { one, other in
            let isBusy = (totals[one] >= share, totals[other] >= share)
            if isBusy.0 != isBusy.1 { return isBusy.1 }
            return (pairs[owner][one], totals[one]) < (pairs[owner][other], totals[other])
        }
        guard let deputy else { preconditionFailure("there are two nodes at least") }
        add(1, deputy, of: owner)
        return deputy
    }

    /// One partition that goes from the deputy with the most to the one with the least; `nil` when all have the same,
    /// but for one, or no other can be given.
    mutating func step(_ owners: [Int], _ deputies: [Int]) -> (partition: Int, deputy: Int)? {
        guard let most = totals.indices.max(by: { totals[$0] < totals[$1] }),
            let least = totals.indices.min(by: { totals[$0] < totals[$1] }),
            totals[most] - totals[least] > 1
        else { return nil }
        let moves = owners.indices.filter { deputies[$0] == most && owners[$0] != least }
        let partition = moves.min { pairs[owners[$0]][least] < pairs[owners[$1]][least] }
        guard let partition else { return nil }
        add(-1, most, of: owners[partition])
        add(1, least, of: owners[partition])
        return (partition, least)
    }

    private mutating func add(_ count: Int, _ deputy: Int, of owner: Int) {
        pairs[owner][deputy] += count
        totals[deputy] += count
    }
}
